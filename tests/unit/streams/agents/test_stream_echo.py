"""A record that `echo` cannot send on is like one whose body has failed: not acknowledged, and tried again."""

import asyncio
from typing import Any

from faust.exceptions import ProducerSendError

from framework.errors import AgentFailedError
from tests.unit.streams.agents.test_agent import settled
from tests.unit.streams.fakes import FLIGHTS, run
from tests.unit.streams.feeding import Feeding, fed, start_agent


class Echoed:
    """A topic that refuses some values, each so often.

    Attributes:
        sent: what it took.
    """

    def __init__(self, feeding: Feeding, name: str, **refusals: int) -> None:
        self.topic = feeding.app.topic(name)
        self.sent: list[Any] = []
        self.refusals = {int(value[1:]): count for value, count in refusals.items()}
        self.topic.send = self._send

    async def _send(self, *args: Any, value: Any = None, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        if self.refusals.get(value, 0) > 0:
            self.refusals[value] -= 1
            raise ProducerSendError("too large")
        self.sent.append(value)


async def echo(feeding: Feeding, *echoed: Echoed) -> list[Any]:
    """An agent that echoes; gives what its body gets."""
    got: list[Any] = []

    async def body(stream: Any) -> None:
        async for value in stream.echo(*[each.topic for each in echoed]):
            got.append(value)

    await start_agent(feeding, body)
    feeding.feed(0, 1, 2)
    await settled(feeding)
    return got


def test_each_value_goes_to_each_channel_and_to_the_body() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            one, other = Echoed(feeding, "one"), Echoed(feeding, "other")
            assert await echo(feeding, one, other) == one.sent == other.sent == [0, 1, 2]
            assert feeding.committable() == 3

    run(scenario)


def test_refused_one_comes_again() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            one, other = Echoed(feeding, "one", v1=1), Echoed(feeding, "other")
            assert await echo(feeding, one, other) == one.sent == [0, 1, 2]
            assert (other.sent, feeding.committable()) == ([0, 1, 1, 2], 3)

    run(scenario)


def test_one_that_is_always_refused_ends_the_worker() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            assert await echo(feeding, Echoed(feeding, "one", v1=99)) == [0]
            (error,) = feeding.crashes
            assert isinstance(error, AgentFailedError)
            assert "too large" in str(error)
            assert feeding.committed == {FLIGHTS: 1}

    run(scenario)

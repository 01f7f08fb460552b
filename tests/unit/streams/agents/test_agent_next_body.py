"""What a body puts onto its stream is there once, also after another body has put it there before."""

import asyncio
from typing import Any

import pytest
from faust.exceptions import Skip
from faust.types import TP

from tests.unit.streams.agents.test_agent import Failing, settled
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import fed, start_agent


async def _at_once() -> None:
    """The topics are subscribed to."""


class TestNextBody:
    def test_filters_and_processors(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing, seen = Failing(v11=2), []

                async def body(stream: Any) -> None:
                    stream.add_processor(lambda value: value + 1)
                    async for value in stream.filter(lambda value: seen.append(value) or True):
                        failing.look_at(value)

                await start_agent(feeding, body)
                feeding.feed(10, 20, 30)
                await settled(feeding)
                assert failing.got == seen == [11, 11, 11, 21, 31]

        run(scenario)

    def test_what_belongs_to_the_agent_stays(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v11=1)

                async def body(stream: Any) -> Any:
                    async for value in stream:
                        yield value

                agent = await start_agent(feeding, body, sink=[failing.look_at])
                (actor,) = agent._actors
                before = list(actor.stream._processors)
                feeding.feed(11, 12)
                await settled(feeding)
                assert (failing.got, actor.stream._processors) == ([11, 11, 12], before)
                assert before

        run(scenario)

    def test_stream_that_others_were_derived_of(self) -> None:
        async def scenario() -> None:
            regrouped = TP("regrouped", 0)
            async with fed(FLIGHTS, regrouped) as feeding:
                failing, seen, sent = Failing(v21=2), [], []
                topic, other = feeding.app.topic(regrouped.topic), feeding.app.topic("other")

                async def send(*args: Any, value: Any = None, **kwargs: Any) -> None:
                    sent.append(value)

                topic.send = other.send = send

                async def body(stream: Any) -> None:
                    derived = stream.echo(other).group_by(lambda value: value, name="x", topic=topic)
                    derived.add_processor(lambda value: seen.append(value) or value + 1)
                    async for value in derived:
                        failing.look_at(value)

                feeding.app.topics.maybe_wait_for_subscriptions = _at_once
                await start_agent(feeding, body)
                feeding.feed(20, 30, tp=regrouped)
                async with asyncio.timeout(5.0):
                    while feeding.committable(regrouped) != 31:
                        await asyncio.sleep(0.005)
                assert (failing.got, seen) == ([21, 21, 21, 31], [20, 20, 20, 30])
                sent.clear()
                feeding.feed(1)
                await settle()
                # Once for the repartitioning; Faust echoes what comes back of it.
                assert sent == [b"1"]

        run(scenario)


class Regrouping:
    """An agent with a `group_by`, whose key fails once at some values, and whose body fails once if it is to.

    Attributes:
        keyed: the values that the key was asked for.
        sent: the keys of what was sent on.
        at_body: closed while the body stays at what it has.
    """

    def __init__(
        self, feeding: Any, *bad: int, error: type[BaseException] = ValueError, body_fails: bool = False
    ) -> None:
        self.keyed: list[int] = []
        self.sent: list[int] = []
        self.at_body = asyncio.Event()
        self._bad, self._error, self._body_fails = set(bad), error, body_fails
        self._topic = feeding.app.topic(REGROUPED.topic)
        self._topic.send = self._send
        feeding.app.topics.maybe_wait_for_subscriptions = _at_once

    async def _send(self, *args: Any, key: Any = None, **kwargs: Any) -> None:
        self.sent.append(key)

    def _account(self, value: int) -> int:
        self.keyed.append(value)
        if value in self._bad:
            self._bad.remove(value)
            raise self._error("no key")
        return value * 10

    def group_by(self, stream: Any) -> Any:
        return stream.group_by(self._account, name="account", topic=self._topic)

    async def body(self, stream: Any) -> None:
        grouped = self.group_by(stream)
        # As whoever opens a session first.
        await asyncio.sleep(0.02)
        async for _ in grouped:
            if self._body_fails:
                self._body_fails = False
                raise ValueError("the body")
            await self.at_body.wait()

    async def lists(self, stream: Any) -> None:
        async for _ in self.group_by(stream).take(3, within=0.05):
            pass


REGROUPED = TP("regrouped", 0)


class TestKeyOfGroupBy:
    @pytest.mark.parametrize("error", [ValueError, TimeoutError, asyncio.CancelledError])
    @pytest.mark.parametrize("body", ["body", "lists"])
    def test_record_without_a_key_comes_again(self, error: type[BaseException], body: str) -> None:
        async def scenario() -> None:
            async with fed(FLIGHTS, REGROUPED) as feeding:
                regrouping = Regrouping(feeding, 2, error=error)
                await start_agent(feeding, getattr(regrouping, body))
                feeding.feed(1, 2, 3)
                await settled(feeding)
                assert (regrouping.keyed, regrouping.sent) == ([1, 2, 2, 3], [10, 20, 30])
                assert (feeding.committable(), feeding.crashes) == (4, [])

        run(scenario)

    def test_key_fails_while_the_agent_pauses_after_a_failure_of_its_body(self) -> None:
        async def scenario() -> None:
            async with fed(FLIGHTS, REGROUPED) as feeding:
                regrouping = Regrouping(feeding, 2, body_fails=True)
                regrouping.at_body.set()
                await start_agent(feeding, regrouping.body)
                await asyncio.sleep(0.05)
                feeding.feed(100, tp=REGROUPED)
                await settle(5)
                feeding.feed(1, 2, 3)
                async with asyncio.timeout(5.0):
                    while (feeding.committable(), feeding.committable(REGROUPED)) != (4, 101):
                        await asyncio.sleep(0.005)
                assert (regrouping.keyed, regrouping.sent) == ([1, 2, 2, 3], [10, 20, 30])

        run(scenario)

    def test_key_fails_while_the_body_is_busy(self) -> None:
        """It needs no body to come again."""

        async def scenario() -> None:
            async with fed(FLIGHTS, REGROUPED) as feeding:
                regrouping = Regrouping(feeding, 2)
                await start_agent(feeding, regrouping.body)
                await asyncio.sleep(0.05)
                feeding.feed(100, tp=REGROUPED)
                await settle()
                feeding.feed(1, 2, 3)
                await settled(feeding)
                assert (feeding.committable(), feeding.committable(REGROUPED)) == (4, 100)
                regrouping.at_body.set()
                await settle()
                assert feeding.committable(REGROUPED) == 101

        run(scenario)

    def test_key_that_always_fails_ends_the_worker(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            async with fed(FLIGHTS, REGROUPED) as feeding:
                heard: list[BaseException] = []

                async def on_error(_: Any, error: BaseException) -> None:
                    heard.append(error)

                async def body(stream: Any) -> None:
                    async for _ in stream.group_by(lambda value: value / 0, name="x", topic=topic):
                        pass

                topic = feeding.app.topic(REGROUPED.topic)
                feeding.app.topics.maybe_wait_for_subscriptions = _at_once
                feeding.app._on_agent_error = on_error
                await start_agent(feeding, body)
                feeding.feed(1, 2)
                await settled(feeding)
                (error,) = feeding.crashes
                assert "failed 3 times in a row at flights[0]@1" in str(error)
                assert len(heard) == 3
                assert caplog.text.count("in <lambda>\n") == 3, "not each try is logged with where it was"

        run(scenario)

    @pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
    def test_handler_that_fails_does_not_end_the_reading(self, error: type[BaseException]) -> None:
        async def scenario() -> None:
            async with fed(FLIGHTS, REGROUPED) as feeding:

                async def on_error(*_: Any) -> None:
                    raise error

                feeding.app._on_agent_error = on_error
                regrouping = Regrouping(feeding, 2)
                await start_agent(feeding, regrouping.body)
                feeding.feed(1, 2, 3)
                await settled(feeding)
                assert (regrouping.keyed, feeding.committable()) == ([1, 2, 2, 3], 4)

        run(scenario)

    def test_cancelled_one_is_not_left_out(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:

                async def never(_: Any) -> None:
                    await asyncio.get_running_loop().create_future()

                waiting = asyncio.ensure_future(feeding.stream()._format_key(never, 1))
                await settle()
                waiting.cancel()
                await asyncio.wait([waiting])
                assert waiting.cancelled()

        run(scenario)

    def test_faust_leaves_a_record_out_on_its_own_path(self) -> None:
        async def scenario() -> None:
            async with fed(fast_delivery=False) as feeding:
                stream = feeding.stream()

                def fails(_: Any) -> None:
                    raise ValueError

                with pytest.raises(Skip):
                    await stream._format_key(fails, 1)

        run(scenario)

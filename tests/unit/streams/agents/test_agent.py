"""A record whose body has failed comes again, first and in its place, and ends the worker when it fails too often."""

import asyncio
import time
from typing import Any

import pytest

from framework.errors import AgentFailedError
from framework.streams.agents import agent as agents
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent


class Failing:
    """A body that fails at some values, each so often.

    Attributes:
        got: all that it was given, in order.
        within: seconds after which a list need not be full.
    """

    within = 0.0

    def __init__(self, **failures: int) -> None:
        self.got: list[Any] = []
        self.failures = {int(name[1:]): count for name, count in failures.items()}

    def look_at(self, value: int) -> None:
        self.got.append(value)
        if self.failures.get(value, 0) > 0:
            self.failures[value] -= 1
            raise ValueError(f"bad {value}")

    async def body(self, stream: Any) -> None:
        async for value in stream:
            self.look_at(value)

    async def list_body(self, stream: Any) -> None:
        async for values in stream.take(2, within=self.within):
            self.got.append(values)
            for value in values:
                if self.failures.get(value, 0) > 0:
                    self.failures[value] -= 1
                    raise ValueError(f"bad {value}")


async def settled(feeding: Feeding) -> None:
    """Until agents have begun again and finished all, or the app was told to crash, or nothing happens any more."""
    ends_at = time.monotonic() + 1.0
    while time.monotonic() < ends_at and not feeding.crashes:
        await asyncio.sleep(0.005)
        if feeding.committable() == feeding.end_offset() and not feeding.consumer.in_flight():
            break
    await settle(100)


class TestTries:
    def test_record_comes_again_before_all_others(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=2)
                await start_agent(feeding, failing.body)
                feeding.feed(0, 1, 2)
                feeding.feed(3)
                await settled(feeding)
                assert failing.got == [0, 1, 1, 1, 2, 3]
                assert (feeding.committable(), feeding.crashes) == (4, [])

        run(scenario)

    def test_each_record_has_its_own_tries(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v0=2, v1=2, v2=2)
                await start_agent(feeding, failing.body)
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert failing.got == [0, 0, 0, 1, 1, 1, 2, 2, 2]
                assert feeding.crashes == []

        run(scenario)

    def test_last_of_a_run(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=1)
                await start_agent(feeding, failing.body)
                feeding.feed(0, 1)
                await settled(feeding)
                assert (failing.got, feeding.committable()) == ([0, 1, 1], 2)

        run(scenario)

    def test_worker_ends_with_the_record_uncommitted(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=99)
                agent = await start_agent(feeding, failing.body, name="sums")
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert failing.got == [0, 1, 1, 1]
                (error,) = feeding.crashes
                assert isinstance(error, AgentFailedError)
                for part in (agent.name, "flights[0]@1", "3", "bad 1"):
                    assert part in str(error)
                assert isinstance(error.__cause__, ValueError)
                assert feeding.committed == {FLIGHTS: 1}
                assert caplog.text.count("in body\n") == 3, "not each try is logged with where it was"

        run(scenario)

    @pytest.mark.parametrize("what", ["commit", "handler"])
    @pytest.mark.parametrize("how", ["raises", "never ends"])
    def test_worker_ends_also_where_its_last_word_fails(
        self, what: str, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(agents, "LAST_WORD", 0.1)

        async def fail(*args: Any) -> None:
            if how == "raises":
                raise RuntimeError("the last word")
            await asyncio.get_running_loop().create_future()

        async def scenario() -> None:
            async with fed(agent_tries=1) as feeding:
                failing, commit = Failing(v1=99), feeding.consumer.commit
                if what == "commit":
                    feeding.consumer.commit = fail  # type: ignore[method-assign]
                else:
                    feeding.app._on_agent_error = fail
                await start_agent(feeding, failing.body)
                feeding.feed(0, 1, 2)
                await settled(feeding)
                await asyncio.sleep(0.05)
                assert failing.got == [0, 1]
                (error,) = feeding.crashes
                assert isinstance(error, AgentFailedError)
                await commit()
                assert feeding.committed == {FLIGHTS: 1}

        run(scenario)

    def test_worker_ends_also_where_the_agent_is_stopped_meanwhile(self) -> None:
        async def scenario() -> None:
            async with fed(agent_tries=1) as feeding:
                reached = asyncio.Event()

                async def on_error(agent: Any, error: BaseException) -> None:
                    reached.set()
                    await asyncio.get_running_loop().create_future()

                feeding.app._on_agent_error = on_error
                agent = await start_agent(feeding, Failing(v0=99).body)
                feeding.feed(0)
                await reached.wait()
                await agent.stop()
                await settle()
                assert [type(error) for error in feeding.crashes] == [AgentFailedError]

        run(scenario)

    def test_as_many_as_the_settings_say(self) -> None:
        async def scenario() -> None:
            async with fed(agent_tries=1) as feeding:
                failing = Failing(v0=99)
                await start_agent(feeding, failing.body)
                feeding.feed(0)
                await settled(feeding)
                assert (failing.got, len(feeding.crashes)) == ([0], 1)

        run(scenario)

    def test_neighbour_goes_on(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing, fine = Failing(v0=99), Failing()
                await start_agent(feeding, failing.body, name="failing")
                await start_agent(feeding, fine.body, name="fine")
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert (fine.got, feeding.committable()) == ([0, 1, 2], 0)

        run(scenario)

    def test_users_handler_hears_of_each_failure(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing, heard = Failing(v0=99), []

                async def on_error(agent: Any, error: BaseException) -> None:
                    heard.append(str(error))

                feeding.app._on_agent_error = on_error
                await start_agent(feeding, failing.body)
                feeding.feed(0)
                await settled(feeding)
                assert heard == ["bad 0"] * 3

        run(scenario)

    def test_failure_without_a_record_is_fausts_to_handle(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    async for value in stream:
                        got.append(value)

                agent = await start_agent(feeding, body)
                await next(iter(agent._actors)).stream.throw(ValueError("thrown"))
                await settle()
                feeding.feed(7)
                await settled(feeding)
                assert (got, feeding.crashes) == ([7], [])

        run(scenario)

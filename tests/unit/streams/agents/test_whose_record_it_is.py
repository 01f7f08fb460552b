"""What a body has, what its tasks have, and what others have, where several are at one stream or at one channel."""

import asyncio
import gc
from typing import Any

import faust
import pytest

from framework.errors import AgentFailedError
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent


async def soon(seconds: float = 0.2) -> None:
    await asyncio.sleep(seconds)
    gc.collect()
    await settle()


class OwnEvent(faust.Event):
    pass


class OwnSchema(faust.Schema):
    pass


@pytest.mark.parametrize("own", ["event", "schema"])
def test_place_of_an_event_of_the_users_own(own: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            options = {"schema": OwnSchema()} if own == "schema" else {}
            if own == "event":
                feeding.app.conf.Event = OwnEvent

            async def body(stream: Any) -> None:
                async for value in stream:
                    if value == 1:
                        raise ValueError

            agent = feeding.app.agent(feeding.app.topic("flights", **options))(body)
            await agent.start()
            await settle()
            await feeding.index()
            feeding.feed(0, 1, 2)
            await soon()
            assert isinstance(feeding.crashes[0], AgentFailedError)
            assert "failed 3 times in a row at flights[0]@1" in str(feeding.crashes[0])
            await agent.stop()

    run(scenario)


def test_failure_by_hand_counts_once() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def body(stream: Any) -> None:
                async for event in stream.noack().events():
                    got.append(event.value)
                    if event.value == 1:
                        raise ValueError
                    event.ack()

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await soon()
            assert got == [0, 1, 1, 1]
            assert "failed 3 times" in str(feeding.crashes[0])

    run(scenario)


def test_one_that_is_kept_for_another_does_not_fail_with_each_record_meanwhile() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            bad, done = {10, 20, 30}, []

            async def body(stream: Any) -> None:
                kept = []
                async for event in stream.noack().events():
                    if event.value in bad:
                        bad.remove(event.value)
                        raise ValueError
                    if event.value == 0:
                        kept.append(event)
                        continue
                    if event.value == 39:
                        kept.pop().ack()
                    done.append(event.value)
                    event.ack()

            await start_agent(feeding, body)
            feeding.feed(*range(40))
            await soon(0.4)
            assert (done, feeding.committable(), feeding.crashes) == ([*range(1, 40)], 40, [])

    run(scenario)


def test_two_loops_on_one_stream() -> None:
    """The other loop of the body has its own record in hand, or none."""

    async def scenario() -> None:
        async with fed() as feeding:
            tries: list[int] = []

            async def read(stream: Any) -> None:
                async for _ in stream:
                    pass

            async def body(stream: Any) -> None:
                other = asyncio.create_task(read(stream))
                try:
                    async for value in stream:
                        if value == 0:
                            tries.append(value)
                            await asyncio.sleep(0.005)
                            raise ValueError
                finally:
                    other.cancel()

            await start_agent(feeding, body)
            feeding.feed(*range(4))
            await soon(0.4)
            assert len(tries) == 3
            assert isinstance(feeding.crashes[0], AgentFailedError)
            assert feeding.committable() == 0
            feeding.consumer.ledger.forget(FLIGHTS)

    run(scenario)


@pytest.mark.parametrize("how", ["own", "clone", "noack"])
def test_task_that_a_failed_body_has_left_reads_nothing_more(how: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            done: list[int] = []
            failures = [ValueError()]

            async def body(stream: Any) -> None:
                streams = {"own": lambda: stream, "clone": stream.clone, "noack": stream.noack}
                events = aiter(streams[how]().events())
                following = asyncio.ensure_future(anext(events))
                while True:
                    await asyncio.wait([following], timeout=0.03)
                    if following.done():
                        done.append(following.result().value)
                        following.result().ack()
                        following = asyncio.ensure_future(anext(events))
                    elif failures:
                        raise failures.pop()

            await start_agent(feeding, body)
            await asyncio.sleep(0.1)
            for number in range(4):
                feeding.feed(number)
                await asyncio.sleep(0.01)
            await soon()
            assert (done, feeding.committable()) == ([0, 1, 2, 3], 4)
            assert await feeding.revoke_in_time()

    run(scenario)


def test_task_that_a_failed_body_has_left_does_not_finish_the_record_of_the_next_one() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            log: list[tuple[int, int]] = []
            go_on, bodies = asyncio.Event(), 0

            async def read(stream: Any, number: int) -> None:
                async for value in stream:
                    log.append((number, value))
                    await (asyncio.sleep(0.1) if number == 1 else go_on.wait())

            async def body(stream: Any) -> None:
                nonlocal bodies
                bodies += 1
                reading = asyncio.create_task(read(stream, bodies))
                if bodies == 1:
                    await asyncio.sleep(0.02)
                    raise ValueError
                await reading

            await start_agent(feeding, body)
            feeding.feed(0, 1)
            await soon()
            assert (log, feeding.committable()) == ([(1, 0), (2, 0)], 0)
            assert feeding.consumer.in_flight() == ["flights[0]@0"]
            go_on.set()
            await soon()
            assert (log, feeding.committable()) == ([(1, 0), (2, 0), (2, 1)], 2)

    run(scenario)


def test_task_that_a_failed_body_has_left_does_not_finish_the_list_of_the_next_one() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            log: list[tuple[int, list[int]]] = []
            go_on, bodies = asyncio.Event(), 0

            async def read(stream: Any, number: int) -> None:
                async for values in stream.take(4, within=0.2):
                    log.append((number, values))
                    await go_on.wait()

            async def body(stream: Any) -> None:
                nonlocal bodies
                bodies += 1
                reading = asyncio.create_task(read(stream, bodies))
                if bodies == 1:
                    await asyncio.sleep(0.05)
                    raise ValueError
                await reading

            await start_agent(feeding, body)
            feeding.feed(0, 1)
            await asyncio.sleep(0.1)
            feeding.feed(2, 3)
            await soon(0.4)
            assert (log, feeding.committable()) == ([(2, [0, 1, 2, 3])], 0)
            go_on.set()
            await soon()
            assert feeding.committable() == 4

    run(scenario)


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_record_of_a_task_that_has_ended_goes_to_the_next_one(how: str) -> None:
    """Tasks of nobody that take turns at a stream: no agent says what becomes of the record."""

    async def scenario() -> None:
        async with fed() as feeding:
            stream, done = feeding.stream(), []
            failures = [1]

            async def read() -> None:
                async for value in stream:
                    if value in failures:
                        failures.remove(value)
                        if how == "failed":
                            raise ValueError
                        await asyncio.sleep(60.0)
                    done.append(value)

            first = asyncio.ensure_future(read())
            await settle()
            await feeding.index()
            feeding.feed(0, 1, 2)
            await soon(0.05)
            first.cancel()
            await asyncio.wait([first])
            await soon(0.05)
            feeding.begin(read())
            await soon(0.05)
            assert (done, feeding.committable()) == ([0, 1, 2], 3)

    run(scenario)


@pytest.mark.parametrize("is_raw", [True, False])
def test_event_that_was_put_into_another_channel(is_raw: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            tries: list[Any] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    tries.append(int(value))
                    if int(value) == 1 and tries.count(1) == 1:
                        raise ValueError

            agent = feeding.app.agent(feeding.app.channel(), name="other")(body)
            await agent.start()
            topic = feeding.app.topic("flights")

            async def forward() -> None:
                async for event in topic if is_raw else topic.stream().noack().events():
                    await agent.channel.put(event)

            feeding.begin(forward())
            await settle()
            await feeding.index()
            feeding.feed(0, 1, 2)
            await soon()
            assert (sorted(tries), feeding.committable()) == ([0, 1, 1, 2], 3)
            await agent.stop()

    run(scenario)


def by_hand(feeding: Feeding, stream: Any, *, is_raw: bool) -> Any:
    return feeding.app.topic("flights") if is_raw else stream.noack().events()


@pytest.mark.parametrize("is_raw", [True, False])
def test_async_with_whose_error_the_body_catches(is_raw: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:

            async def body(stream: Any = None) -> None:
                async for event in by_hand(feeding, stream, is_raw=is_raw):
                    try:
                        async with event:
                            if event.value == 1:
                                raise ValueError
                    except ValueError:
                        pass

            if is_raw:
                feeding.begin(body())
                await settle()
                await feeding.index()
            else:
                await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await soon(0.05)
            assert feeding.committable() == 3

    run(scenario)

"""What waits for the commit of its source goes out with it: in order, once, and not before the record is finished."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.exceptions import ProducerSendError
from faust.types import TP

from framework.backoff import Backoff
from framework.streams.agents import agent as agents
from framework.streams.reading.runs import Slice
from framework.streams.sending.attached import Attached
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, looping, start_agent
from tests.unit.streams.reading.test_batches import reading


class Channel:
    """A fake of a topic, and of the records that wait for it.

    Attributes:
        sent: what it was given, in order.
        refused: the error that the next records meet at once.
        done: what becomes of a record that was given; None while nobody knows.
    """

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.refused: BaseException | None = None
        self.done: BaseException | bool | None = True
        self.futures: list[asyncio.Future[Any]] = []

    def as_future_message(self, key: Any, value: Any, **options: Any) -> Any:
        return SimpleNamespace(value=value, message=SimpleNamespace(channel=self))

    async def publish_message(self, message: Any, wait: bool) -> Any:
        if self.refused is not None:
            raise self.refused
        self.sent.append(message.value)
        future = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        if isinstance(self.done, BaseException):
            future.set_exception(self.done)
        elif self.done:
            future.set_result(None)
        return future


def put(attached: Attached, channel: Channel, offset: int, *values: Any, part: Any = None, tp: TP = FLIGHTS) -> None:
    message = SimpleNamespace(tp=tp, offset=offset, part=part)
    for value in values:
        attached.put(message, channel, None, value)


def test_in_the_order_of_the_records_and_of_their_sends() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        put(attached, channel, 2, *range(200, 240))
        put(attached, channel, 1, *range(100, 140))
        put(attached, channel, 2, *range(240, 260))
        await attached.publish({FLIGHTS: 3})
        assert channel.sent == [*range(100, 140), *range(200, 260)]
        await attached.publish({FLIGHTS: 3})
        assert len(channel.sent) == 100

    run(scenario)


def test_the_record_at_the_committed_offset_is_not_finished() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        put(attached, channel, 0, "finished")
        put(attached, channel, 1, "in hand")
        await attached.publish({FLIGHTS: 1})
        assert channel.sent == ["finished"]
        await attached.publish({FLIGHTS: 2})
        assert channel.sent == ["finished", "in hand"]

    run(scenario)


def test_one_that_is_not_taken_is_left_to_the_next_commit() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        put(attached, channel, 0, "a", "b")
        put(attached, channel, 1, "c")
        channel.refused = ProducerSendError("too large")
        with pytest.raises(ProducerSendError, match="too large"):
            await attached.publish({FLIGHTS: 2})
        channel.refused = None
        await attached.publish({FLIGHTS: 2})
        assert channel.sent == ["a", "b", "c"]

    run(scenario)


def test_failure_holds_all_later_commits() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        put(attached, channel, 0, "a")
        channel.done = RuntimeError("broken")
        for _ in range(2):
            with pytest.raises(ProducerSendError, match="broken"):
                await attached.publish({FLIGHTS: 1})

    run(scenario)


def test_commit_that_is_given_up_holds_the_next_one() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        put(attached, channel, 0, "a")
        channel.done = None
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await attached.publish({FLIGHTS: 1})
        (sent,) = channel.futures
        assert not sent.cancelled()
        following = asyncio.ensure_future(attached.publish({FLIGHTS: 1}))
        await settle()
        assert not following.done()
        sent.set_result(None)
        await following

    run(scenario)


def test_what_another_agent_has_made_of_a_record_is_kept() -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        ours, theirs = SimpleNamespace(tp=FLIGHTS), SimpleNamespace(tp=FLIGHTS)
        put(attached, channel, 0, "ours", part=ours)
        put(attached, channel, 0, "theirs", part=theirs)
        attached.drop(ours, [0, 1])
        attached.drop(SimpleNamespace(tp=TP("other", 0)), [0])
        await attached.publish({FLIGHTS: 1})
        assert channel.sent == ["theirs"]

    run(scenario)


def taken(*, of: int) -> Slice:
    """A slice whose records somebody has taken."""
    part = Slice(FLIGHTS, [SimpleNamespace(offset=offset) for offset in range(of)], 1)
    for record in part.rest:
        part.hold(record.offset)
    return part


def test_what_comes_during_the_commit_of_its_record_is_sent_and_has_its_place() -> None:
    async def scenario() -> None:
        attached, channel, part = Attached(None), Channel(), taken(of=3)
        part.finish(0)
        part.finish(1)
        put(attached, channel, 0, "a", part=part)
        channel.done = None
        committing = asyncio.ensure_future(attached.publish({FLIGHTS: 2}))
        await settle()
        put(attached, channel, 0, "b", "c", part=part)
        put(attached, channel, 1, *range(20), part=part)
        put(attached, channel, 2, "in hand", part=part)
        await settle()
        assert channel.sent == ["a", "b", "c", *range(20)]
        for sent in channel.futures[:-1]:
            sent.set_result(None)
        await settle()
        assert not committing.done(), "the commit is made without what was sent meanwhile"
        channel.futures[-1].set_result(None)
        await committing

    run(scenario)


@pytest.mark.parametrize(("acked", "sent"), [(True, ["late"]), (False, [])])
def test_on_fausts_own_way_the_message_says_whether_it_is_finished(acked: bool, sent: list[str]) -> None:
    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        await attached.publish({FLIGHTS: 1})
        attached.put(SimpleNamespace(tp=FLIGHTS, offset=0, acked=acked), channel, None, "late")
        await settle()
        assert channel.sent == sent

    run(scenario)


def test_what_comes_too_late_and_cannot_be_sent_holds_all_later_commits() -> None:
    async def scenario() -> None:
        attached, channel, part = Attached(None), Channel(), taken(of=1)
        part.finish(0)
        await attached.publish({FLIGHTS: 1})
        channel.refused = RuntimeError("broken")
        put(attached, channel, 0, "late", part=part)
        await settle()
        with pytest.raises(ProducerSendError, match="broken"):
            await attached.publish({})

    run(scenario)


def test_what_comes_behind_one_that_could_not_be_sent_waits_like_it() -> None:
    async def scenario() -> None:
        attached, channel, part = Attached(None), Channel(), taken(of=1)
        part.finish(0)
        put(attached, channel, 0, "a", part=part)
        channel.refused = ProducerSendError("too large")
        with pytest.raises(ProducerSendError, match="too large"):
            await attached.publish({FLIGHTS: 1})
        channel.refused = None
        put(attached, channel, 0, "b", part=part)
        await settle()
        assert channel.sent == []
        await attached.publish({FLIGHTS: 1})
        assert channel.sent == ["a", "b"]

    run(scenario)


def test_record_that_comes_again_waits_for_its_commit() -> None:
    """The commit that has passed it was not made, and the partition was given to somebody and came back."""

    async def scenario() -> None:
        attached, channel = Attached(None), Channel()
        await attached.publish({FLIGHTS: 1})
        attached.forget(FLIGHTS)
        put(attached, channel, 0, "again", part=taken(of=1))
        await settle()
        assert channel.sent == []

    run(scenario)


@pytest.mark.parametrize("has_something_to_commit", [False, True])
def test_failure_of_what_comes_too_late_ends_the_worker(has_something_to_commit: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            lost: list[BaseException] = []

            async def on_lost(error: BaseException) -> None:
                lost.append(error)

            feeding.app.on_lost = on_lost
            committing(feeding)
            channel = Channel()
            channel.refused = RuntimeError("broken")
            loop = await looping(feeding, feeding.stream())
            await feeding.join()
            feeding.feed(0)
            await settle()
            await feeding.consumer.commit()
            part = taken(of=1)
            part.finish(0)
            put(feeding.app._attachments, channel, 0, "late", part=part)
            if has_something_to_commit:
                feeding.feed(1)
            await settle()
            await feeding.consumer.commit()
            assert loop.got == ([0, 1] if has_something_to_commit else [0])
            assert "broken" in str(lost[0])
            assert (feeding.committed, feeding.crashes) == ({FLIGHTS: 1}, [])
            assert not feeding.app._attachments._sent

    run(scenario)


# --- with agents ------------------------------------------------------------------------------------------------------


def committing(feeding: Feeding) -> list[bytes]:
    """Have an app send with its commits; returns the values that are sent."""
    feeding.app.conf.stream_publish_on_commit = True
    sent: list[bytes] = []

    async def send(topic: str, key: Any, value: bytes, *args: Any, **options: Any) -> Any:
        sent.append(value)
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    feeding.app._producer.send = send
    return sent


def test_what_a_failed_try_has_sent_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PAUSES", Backoff(initial=0.001, maximum=0.001))

    async def scenario() -> None:
        async with fed() as feeding:
            sent = committing(feeding)
            out = feeding.app.topic("out")
            tries: list[int] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    tries.append(value)
                    await out.send(value=f"{value} of try {len(tries)}", value_serializer="raw")
                    if tries == [0, 1]:
                        raise ValueError

            await start_agent(feeding, body)
            await feeding.join()
            feeding.feed(0, 1)
            async with asyncio.timeout(5.0):
                while len(tries) < 3 or feeding.committable() != 2:
                    await asyncio.sleep(0.001)
            await feeding.consumer.commit()
            assert (sent, feeding.committed) == ([b"0 of try 1", b"1 of try 3"], {FLIGHTS: 2})

    run(scenario)


def test_what_the_record_in_hand_has_sent_waits_for_its_end() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            sent = committing(feeding)
            out = feeding.app.topic("out")
            go = asyncio.Event()

            async def body(stream: Any) -> None:
                async for value in stream:
                    await out.send(value=str(value), value_serializer="raw")
                    if value == 1:
                        await go.wait()

            await start_agent(feeding, body)
            await feeding.join()
            feeding.feed(0, 1)
            await settle()
            await feeding.consumer.commit()
            assert (sent, feeding.committed) == ([b"0"], {FLIGHTS: 1})
            go.set()
            await settle()
            await feeding.consumer.commit()
            assert (sent, feeding.committed) == ([b"0", b"1"], {FLIGHTS: 2})

    run(scenario)


def test_what_was_sent_of_a_partition_that_is_revoked_waits_no_more() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            await reading(feeding)
            attached, channel = feeding.app._attachments, Channel()
            put(attached, channel, 5, "of a body that did not end")
            await feeding.consumer.on_partitions_revoked({FLIGHTS})
            await attached.publish({FLIGHTS: 9})
            assert channel.sent == []

    run(scenario)


def test_records_that_a_task_has_left_are_sent_by_the_next() -> None:
    """A task of the app was cancelled at a record; the next loop over the stream gets it again."""

    async def scenario() -> None:
        async with fed() as feeding:
            sent = committing(feeding)
            stream, out = feeding.stream(), feeding.app.topic("out")

            async def read(name: str, gate: asyncio.Event) -> None:
                async for value in stream:
                    await out.send(value=f"{value} by {name}", value_serializer="raw")
                    await gate.wait()

            first = feeding.begin(read("the first", asyncio.Event()))
            await settle()
            await feeding.index()
            await feeding.join()
            feeding.feed(0)
            await settle()
            first.cancel()
            await settle()
            gate = asyncio.Event()
            gate.set()
            feeding.begin(read("the second", gate))
            await settle()
            await feeding.consumer.commit()
            assert (sent, feeding.committed) == ([b"0 by the second"], {FLIGHTS: 1})

    run(scenario)


@pytest.mark.parametrize("is_revoked", [False, True])
def test_what_a_task_sends_after_the_commit_of_its_record_is_sent(is_revoked: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            sent = committing(feeding)
            out = feeding.app.topic("out")
            go = asyncio.Event()

            async def send(value: Any) -> None:
                await go.wait()
                for number in range(3):
                    await out.send(value=f"{value}.{number}", value_serializer="raw")

            async def body(stream: Any) -> None:
                async for value in stream:
                    feeding.begin(send(value))

            await start_agent(feeding, body)
            await feeding.join()
            feeding.feed(0)
            await settle()
            await feeding.consumer.commit()
            assert feeding.committed == {FLIGHTS: 1}
            if is_revoked:
                await feeding.consumer.on_partitions_revoked({FLIGHTS})
            go.set()
            await settle()
            assert sent == [b"0.0", b"0.1", b"0.2"]

    run(scenario)

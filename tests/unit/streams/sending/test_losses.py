"""What could not be sent is told in the log, and kept within bounds until whoever sent it has looked."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import RecordTooLargeError
from faust.exceptions import ProducerSendError
from structlog.testing import capture_logs

from framework.streams.sending import losses
from framework.streams.sending import outbox as outbox_module
from framework.streams.sending.losses import Losses
from framework.streams.sending.outbox import Outbox
from framework.streams.sending.sent import Parcel, Sent
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.sending.test_outbox import fail, outbox_of, post

LOST = "1 of the records"


def failed(topic: str = "flights", partition: int = 0, records: int = 1) -> Parcel:
    """A parcel whose batch the broker has refused."""
    future: Any = asyncio.get_running_loop().create_future()
    future.set_exception(RecordTooLargeError())
    parcel = Parcel(topic, partition, future, 0.0)
    parcel.posted = records
    return parcel


def look(parcel: Parcel) -> None:
    for _ in range(parcel.unseen):
        assert Sent(parcel, None).exception() is not None


def test_failure_that_nobody_awaits_is_logged_where_nobody_commits() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            with capture_logs() as lines:
                post(outbox, b"a", b"b")
                fail(client)
                await settle()
            assert lines == [
                {
                    "event": "delivery.not_sent",
                    "log_level": "error",
                    "topic": "flights",
                    "partition": 0,
                    "records": 2,
                    "error": repr(RecordTooLargeError()),
                }
            ]

    run(scenario)


def test_failure_that_somebody_awaits_is_not_logged() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            (sent,) = post(outbox, b"a")
            waiting = asyncio.ensure_future(asyncio.wait_for(_awaited(sent), 1.0))
            await settle()
            with capture_logs() as lines:
                fail(client)
                with pytest.raises(RecordTooLargeError):
                    await waiting
                await outbox.flush()
            assert lines == []

    run(scenario)


async def _awaited(sent: Sent) -> Any:
    return await sent


def test_log_is_told_of_a_topic_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        now = 100.0
        monkeypatch.setattr(losses, "monotonic", lambda: now)
        found = Losses()
        with capture_logs() as lines:
            for topic in ("flights", "flights", "other"):
                found.add(each := failed(topic))
                found.say(each)
            now += losses.APART
            found.add(each := failed("flights", partition=3))
            found.say(each)
        assert [(line["topic"], line["partition"], line["records"]) for line in lines] == [
            ("flights", 0, 1),
            ("other", 0, 1),
            ("flights", 3, 3),
        ]

    run(scenario)


def test_few_are_kept_however_many_fail() -> None:
    async def scenario() -> None:
        found = Losses()
        for _ in range(3 * losses.KEPT):
            found.add(failed(records=2))
        (topic,) = found._topics.values()
        assert (len(topic.failed), topic.records) == (losses.KEPT, 6 * losses.KEPT)
        kept = list(topic.failed)
        with pytest.raises(ProducerSendError, match=r"2 of the records for flights\[0\]"):
            found.raise_if_any(())
        # Nobody can say any more that he has looked at the others.
        for each in kept:
            look(each)  # type: ignore[arg-type]
        with pytest.raises(ProducerSendError, match=f"{4 * losses.KEPT} of the records for flights.*RecordTooLarge"):
            found.raise_if_any(())

    run(scenario)


def test_those_that_were_looked_at_make_room() -> None:
    async def scenario() -> None:
        found = Losses()
        for _ in range(3 * losses.KEPT):
            found.add(each := failed())
            look(each)
        found.raise_if_any(())
        found.add(last := failed())
        with pytest.raises(ProducerSendError, match=LOST):
            found.raise_if_any(())
        look(last)
        found.raise_if_any(())
        (topic,) = found._topics.values()
        assert topic.failed == []

    run(scenario)


def test_what_is_said_is_true_of_records_without_a_source() -> None:
    async def scenario() -> None:
        found = Losses()
        found.add(failed())
        with pytest.raises(ProducerSendError, match="a timer, a page or a task has sent does not") as raised:
            found.raise_if_any(())
        assert isinstance(raised.value.__cause__, RecordTooLargeError)

    run(scenario)


class Message(asyncio.Future[Any]):
    """Stands for Faust's `FutureMessage`."""

    message = SimpleNamespace(channel="flights")


def watched(outbox: Outbox) -> list[Message]:
    """More than are kept, and all of them are to fail."""
    sent = [Message() for _ in range(3 * losses.KEPT)]
    for each in sent:
        outbox.watch_soon(each)
    return sent


def test_failures_of_what_synchronous_code_has_sent_are_logged_and_not_kept_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "UNTIL_TOLD", 0.01)

    async def scenario() -> None:
        async with outbox_of() as (outbox, _):
            sent = watched(outbox)
            with capture_logs() as lines:
                for each in sent:
                    each.set_exception(RecordTooLargeError())
                await settle()
                with pytest.raises(ProducerSendError, match=LOST):
                    outbox.raise_if_lost()
                await asyncio.sleep(0.03)
            assert [(line["event"], line["topic"]) for line in lines] == [("delivery.not_sent", "flights")]
            assert len(outbox._soon) == 0
            assert len(outbox._losses._of(losses.Single(sent[0])).failed) == losses.KEPT
            with pytest.raises(ProducerSendError, match=LOST):
                outbox.raise_if_lost()
            for each in sent:
                each.exception()

    run(scenario)


def test_failures_of_what_synchronous_code_has_sent_are_its_own_if_it_awaits_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "UNTIL_TOLD", 0.01)

    async def scenario() -> None:
        async with outbox_of() as (outbox, _):
            sent = watched(outbox)
            waiting = [asyncio.ensure_future(asyncio.wait_for(each, 1.0)) for each in sent]
            await settle()
            with capture_logs() as lines:
                for each in sent:
                    each.set_exception(RecordTooLargeError())
                errors = await asyncio.gather(*waiting, return_exceptions=True)
                outbox.raise_if_lost()
                await asyncio.sleep(0.03)
                outbox.raise_if_lost()
            assert {type(error) for error in errors} == {RecordTooLargeError}
            assert (lines, len(outbox._soon)) == ([], 0)

    run(scenario)

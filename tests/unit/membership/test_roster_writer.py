"""The writer of entries: which connection it uses, and when it creates the topic."""

import asyncio
from typing import Any

import aiokafka.errors as kafka_errors
import pytest

import framework.membership.roster_writer as module
from framework.errors import RosterUnavailableError
from framework.membership.roster_writer import RosterWriter
from tests.support.roster import ENTRY, connection
from tests.unit.membership.fake_wire import FakeTopic


class Creating:
    """Stands in for `ensure_topic`."""

    def __init__(self, topic: FakeTopic) -> None:
        self.topic = topic
        self.calls = 0
        self.refusal: RosterUnavailableError | None = None

    async def __call__(self, *_args: Any) -> bool:
        self.calls += 1
        if self.refusal is not None:
            raise self.refusal
        self.topic.logs = {0: [], 1: []}
        return True


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> FakeTopic:
    topic = FakeTopic()
    monkeypatch.setattr(module, "Wire", topic)
    return topic


@pytest.fixture
def creating(topic: FakeTopic, monkeypatch: pytest.MonkeyPatch) -> Creating:
    creating = Creating(topic)
    monkeypatch.setattr(module, "ensure_topic", creating)
    return creating


def writer(patience: float = 60.0) -> RosterWriter:
    return RosterWriter(connection("kafka:9092"), "g", 1, patience)


def test_connection_is_kept(topic: FakeTopic) -> None:
    async def run() -> None:
        ours = writer()
        for _ in range(3):
            await ours.write(ENTRY)
        await ours.close()

    asyncio.run(run())
    assert topic.connects == 1
    assert [record.key for record in topic.logs[0]] == [b"w-0"] * 3
    assert topic.wires[0].is_closed


def test_connection_that_was_lost_is_made_again_at_once(topic: FakeTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        ours = writer()
        await ours.write(ENTRY)

        async def broken(*_args: Any) -> None:
            raise kafka_errors.KafkaConnectionError("closed")

        monkeypatch.setattr(topic.wires[0], "write", broken)
        await ours.write(ENTRY)

    asyncio.run(run())
    assert topic.connects == 2
    assert len(topic.logs[0]) == 2


def test_failure_is_told_and_the_next_write_connects_again(topic: FakeTopic) -> None:
    async def run() -> None:
        ours = writer()
        topic.error = ConnectionRefusedError()
        with pytest.raises(RosterUnavailableError, match="no broker answers"):
            await ours.write(ENTRY)
        assert topic.connects == 1
        topic.error = None
        await ours.write(ENTRY)

    asyncio.run(run())
    assert len(topic.logs[0]) == 1


def test_topic_that_is_missing_at_the_start_is_created_at_once(topic: FakeTopic, creating: Creating) -> None:
    topic.logs.clear()
    asyncio.run(writer().write(ENTRY))
    assert creating.calls == 1
    assert len(topic.logs[0]) == 1


def test_topic_that_was_deleted_is_created_later(topic: FakeTopic, creating: Creating) -> None:
    async def run(patience: float) -> None:
        ours = writer(patience)
        await ours.write(ENTRY)
        topic.logs.clear()
        for _ in range(3):
            with pytest.raises(RosterUnavailableError, match="does not exist"):
                await ours.write(ENTRY)
        assert creating.calls == 0
        await asyncio.sleep(patience)
        await ours.write(ENTRY)
        assert creating.calls == 1

    asyncio.run(run(0.2))
    assert len(topic.logs[0]) == 1


def test_refusal_to_create_is_remembered(topic: FakeTopic, creating: Creating) -> None:
    async def run() -> None:
        ours = writer()
        for _ in range(3):
            with pytest.raises(RosterUnavailableError, match="no right"):
                await ours.write(ENTRY)
        assert creating.calls == 1
        # Somebody else has created it meanwhile.
        topic.logs = {0: [], 1: []}
        await ours.write(ENTRY)

    topic.logs.clear()
    creating.refusal = RosterUnavailableError("no right")
    asyncio.run(run())
    assert len(topic.logs[0]) == 1

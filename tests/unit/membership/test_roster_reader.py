"""The reader of a roster: what it makes of old records, missing topics and garbage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace

import aiokafka.errors as kafka_errors
import pytest
from structlog.testing import capture_logs

import framework.membership.roster_log as log_module
import framework.membership.roster_reader as module
from framework.errors import RosterUnavailableError
from framework.membership.roster import CONTROL, Wanted
from framework.membership.roster_batches import Fetched
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import WANTED_KEY, encode, encode_wanted
from framework.membership.roster_silence import CURRENT_WITHIN
from tests.support.roster import ENTRY, connection
from tests.unit.membership.fake_wire import FakeTopic

KEY, VALUE = ENTRY.group_instance_id.encode(), encode(ENTRY)
WANTED = encode_wanted(Wanted(2))


@pytest.fixture(autouse=True)
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTopic]:
    topic = FakeTopic()
    monkeypatch.setattr(log_module, "Wire", topic)
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)
    yield topic
    assert all(wire.is_closed for wire in topic.wires)


def follow(check: Callable[[RosterReader], Awaitable[None]], *, only_control: bool = False) -> None:
    async def run() -> None:
        reader = RosterReader(connection("kafka:9092"), "g", only_control=only_control, pace=0.0)
        await reader.start()
        try:
            await asyncio.wait_for(check(reader), 10.0)
        finally:
            await reader.close()

    asyncio.run(run())


async def until(reader: RosterReader, holds: Callable[[], object]) -> None:
    while not holds():
        await reader.changed(0.01)


class TestStart:
    def test_everything_that_is_there_is_read(self, topic: FakeTopic) -> None:
        for _ in range(5):
            topic.append(KEY, VALUE)
        topic.append(WANTED_KEY, WANTED, partition=CONTROL)

        async def check(reader: RosterReader) -> None:
            assert list(reader.view.seats()) == ["w-0"]
            assert reader.view.wanted == Wanted(2)
            assert reader.is_current(time.monotonic())
            assert not await reader.changed(0.0)

        follow(check)

    def test_only_what_an_operator_wants(self, topic: FakeTopic) -> None:
        topic.append(KEY, VALUE)
        topic.append(WANTED_KEY, WANTED, partition=CONTROL)

        async def check(reader: RosterReader) -> None:
            assert reader.view.seats() == {}
            assert reader.view.wanted == Wanted(2)

        follow(check, only_control=True)

    @pytest.mark.parametrize("only_control", [False, True])
    def test_one_partition(self, topic: FakeTopic, only_control: bool) -> None:
        del topic.logs[CONTROL]
        topic.append(WANTED_KEY, WANTED)

        async def check(reader: RosterReader) -> None:
            assert reader.view.wanted == Wanted(2)

        follow(check, only_control=only_control)

    def test_entry_is_as_old_as_those_behind_it_prove(self, topic: FakeTopic) -> None:
        topic.append(KEY, VALUE, written_ms=1_000)
        topic.append(b"#noise", None, written_ms=61_000)

        async def check(reader: RosterReader) -> None:
            seen = reader.view.seats()["w-0"]
            assert 60.0 <= seen.age(time.monotonic()) < 70.0
            assert not seen.is_alive(time.monotonic())

        follow(check)

    def test_clock_that_went_back_makes_nobody_look_dead(self, topic: FakeTopic) -> None:
        topic.append(b"#noise", None, written_ms=100_000)
        topic.append(KEY, VALUE, written_ms=40_000)

        async def check(reader: RosterReader) -> None:
            assert reader.view.seats()["w-0"].is_alive(time.monotonic())

        follow(check)

    @pytest.mark.parametrize("error", [ConnectionRefusedError(), kafka_errors.TopicAuthorizationFailedError()])
    def test_topic_that_cannot_be_read(self, topic: FakeTopic, error: BaseException) -> None:
        async def run() -> None:
            reader = RosterReader(connection("kafka:9092"), "g")
            with pytest.raises(RosterUnavailableError, match="'g-roster' cannot be read"):
                await reader.start()
            assert not reader.is_current(time.monotonic())
            assert not await reader.changed(0.0)
            topic.error = None
            await reader.start()
            assert reader.is_current(time.monotonic())
            await reader.close()
            await reader.close()

        topic.error = error
        asyncio.run(run())

    def test_missing_topic(self, topic: FakeTopic) -> None:
        topic.logs.clear()
        with pytest.raises(RosterUnavailableError, match="does not exist"):
            follow(lambda reader: asyncio.sleep(0))


class TestFollow:
    def test_new_records(self, topic: FakeTopic) -> None:
        async def check(reader: RosterReader) -> None:
            topic.append(KEY, VALUE)
            assert await reader.changed(None)
            assert list(reader.view.seats()) == ["w-0"]

        follow(check)

    def test_poll_that_fails_is_tried_again_from_the_same_place(self, topic: FakeTopic) -> None:
        async def check(reader: RosterReader) -> None:
            view = reader.view
            topic.error = kafka_errors.KafkaConnectionError("closed")
            connects = topic.connects
            await until(reader, lambda: topic.connects > connects)
            assert not reader.is_current(time.monotonic() + CURRENT_WITHIN)
            assert "'g-roster' cannot be read" in reader.problem
            assert reader.problem in reader.doubt(time.monotonic() + CURRENT_WITHIN)
            topic.append(b"w-0", VALUE)
            topic.error = None
            await until(reader, reader.view.seats)
            assert reader.view is view
            assert reader.problem == ""
            assert reader.is_telling(time.monotonic())

        follow(check)

    def test_topic_that_was_made_anew_is_read_from_its_start(self, topic: FakeTopic) -> None:
        topic.append(WANTED_KEY, WANTED, partition=CONTROL)

        async def check(reader: RosterReader) -> None:
            logs, topic.logs = topic.logs, {}
            connects = topic.connects
            await until(reader, lambda: topic.connects > connects)
            assert reader.view.wanted == Wanted(2)
            topic.logs = {partition: [] for partition in logs}
            topic.append(KEY, VALUE)
            await until(reader, lambda: reader.view.seats())
            assert reader.view.wanted is None

        follow(check)

    def test_log_that_was_cut_off(self, topic: FakeTopic) -> None:
        topic.append(KEY, VALUE)

        async def check(reader: RosterReader) -> None:
            topic.logs[0].clear()
            await until(reader, lambda: not reader.view.seats())

        follow(check)

    def test_one_warning_for_all_that_cannot_be_read(self, topic: FakeTopic) -> None:
        topic.append(b"w-1", b"garbage")
        topic.append(b"w-2", b'{"format": 99}')

        async def check(reader: RosterReader) -> None:
            topic.append(b"w-3", b"garbage")
            topic.append(KEY, VALUE)
            await until(reader, lambda: reader.view.seats())
            assert list(reader.view.seats()) == ["w-0"]

        with capture_logs() as logs:
            follow(check)
        [warning] = [line for line in logs if line["log_level"] == "warning"]
        assert warning["event"] == "roster.unreadable"
        assert warning["key"] == "b'w-1'"


class TestReadToEnd:
    """What was written before the call is in the view after it."""

    def test_what_was_written_before(self, topic: FakeTopic) -> None:
        async def check(reader: RosterReader) -> None:
            for number in range(7):
                topic.append(KEY, encode(replace(ENTRY, generation_id=number)))
            await reader.read_to_end()
            assert reader.view.seats()["w-0"].entry.generation_id == 6

        follow(check)

    def test_poll_that_was_under_way_does_not_count(self, topic: FakeTopic, monkeypatch: pytest.MonkeyPatch) -> None:
        """A broker that holds a poll answers it from what it had found when it looked last."""

        async def check(reader: RosterReader) -> None:
            fetch, waits = topic.wires[0].fetch, []
            held = asyncio.Event()

            async def hold(positions: Mapping[int, int], wait: float) -> dict[int, Fetched]:
                waits.append(wait)
                found = await fetch(positions, 0.0)
                if len(waits) == 1:
                    await held.wait()
                return found

            monkeypatch.setattr(topic.wires[0], "fetch", hold)
            while not waits:
                await asyncio.sleep(0.001)
            topic.append(KEY, VALUE)
            reading = asyncio.ensure_future(reader.read_to_end())
            await asyncio.sleep(0.02)
            assert not reading.done()
            held.set()
            await reading
            assert reader.view.seats()
            assert waits[1] == 0.0, "whoever waits for the end is not to wait for what has not been written"

        follow(check)

    def test_topic_that_cannot_be_read(self, topic: FakeTopic) -> None:
        async def check(reader: RosterReader) -> None:
            topic.error = kafka_errors.KafkaConnectionError("closed")
            with pytest.raises(RosterUnavailableError, match="cannot be read"):
                await reader.read_to_end()
            topic.error = None

        follow(check)

    def test_broker_that_does_not_answer(self, topic: FakeTopic, monkeypatch: pytest.MonkeyPatch) -> None:
        async def check(reader: RosterReader) -> None:
            async def never(positions: Mapping[int, int], wait: float) -> dict[int, Fetched]:
                await asyncio.Event().wait()
                raise AssertionError

            monkeypatch.setattr(module, "TO_END_WITHIN", 0.05)
            monkeypatch.setattr(topic.wires[0], "fetch", never)
            with pytest.raises(TimeoutError):
                await reader.read_to_end()

        follow(check)


class TestTelling:
    """Silence means death only where everybody could write and be read."""

    def test_from_the_start(self) -> None:
        async def check(reader: RosterReader) -> None:
            assert reader.is_telling(time.monotonic())
            assert reader.doubt(time.monotonic()) == ""

        follow(check)

    def test_right_to_write_that_is_missing_from_the_start(self, topic: FakeTopic) -> None:
        topic.may_write = False

        async def check(reader: RosterReader) -> None:
            assert reader.is_current(time.monotonic())
            assert not reader.is_telling(time.monotonic())
            assert "Grant WRITE and DESCRIBE on the topic" in reader.doubt(time.monotonic())

        follow(check)

    def test_right_to_write_that_is_taken_and_given_back(
        self, topic: FakeTopic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_module, "RIGHTS_EVERY", 0.0)

        async def check(reader: RosterReader) -> None:
            topic.may_write = False
            await until(reader, lambda: not reader.is_telling(time.monotonic()))
            topic.may_write = True
            await until(reader, lambda: "until a moment ago" in reader.doubt(time.monotonic()))

        follow(check)

    def test_rights_are_not_asked_for_where_only_wishes_are_read(
        self, topic: FakeTopic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_module, "RIGHTS_EVERY", 0.0)

        async def locate() -> None:
            raise AssertionError

        async def check(reader: RosterReader) -> None:
            monkeypatch.setattr(topic.wires[0], "locate", locate)
            topic.append(WANTED_KEY, WANTED, partition=CONTROL)
            await until(reader, lambda: reader.view.wanted)

        follow(check, only_control=True)

    def test_topic_that_was_made_anew_knows_nobody_yet(self, topic: FakeTopic) -> None:
        async def check(reader: RosterReader) -> None:
            topic.logs = {}
            connects = topic.connects
            await until(reader, lambda: topic.connects > connects)
            topic.logs = {0: [], 1: []}
            topic.append(KEY, VALUE)
            await until(reader, lambda: reader.view.seats())
            assert reader.is_current(time.monotonic())
            assert not reader.is_telling(time.monotonic())

        follow(check)

"""The keeper's thread: what it writes and when, what it tells, and that nothing ends or delays it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

import framework.membership.roster_keeper as module
from framework.backoff import Backoff
from framework.errors import RosterUnavailableError
from framework.membership.roster import Entry, Wanted, Watch
from framework.membership.roster_keeper import RosterKeeper
from framework.membership.roster_records import encode_watch
from framework.membership.roster_trouble import Trouble
from framework.membership.roster_view import RosterView
from framework.states import SeatState
from framework.testing import eventually
from tests.support.roster import ENTRY, connection

DENIED = RosterUnavailableError("Grant WRITE.")
LASTING = 0.3


class FakeWriter:
    """Takes entries; may refuse them, or hang until `gate` is set."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.tries = 0
        self.refusal: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.is_closed = False

    async def write(self, entry: Entry) -> None:
        self.tries += 1
        while not self.gate.is_set():
            await asyncio.sleep(0.01)
        if self.refusal is not None:
            raise self.refusal
        self.entries.append(entry)

    async def close(self) -> None:
        self.is_closed = True


class FakeReader:
    """Has a view that tests change."""

    def __init__(self) -> None:
        self.view = RosterView()
        self.refusal: Exception | None = None
        self.problem = ""
        self.is_closed = False
        self.has_news = False

    async def start(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def changed(self, _timeout: float | None) -> bool:
        await asyncio.sleep(0.01)
        has_news, self.has_news = self.has_news, False
        return has_news

    async def close(self) -> None:
        self.is_closed = True


Make = Callable[..., RosterKeeper]


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> FakeWriter:
    writer = FakeWriter()
    monkeypatch.setattr(module, "RosterWriter", lambda *_args: writer)
    monkeypatch.setattr(module, "RETRY_AFTER", 0.02)

    def trouble(patience: float, lasting: float = LASTING) -> Trouble:
        return Trouble(patience, lasting, Backoff(0.02, 0.02))

    monkeypatch.setattr(module, "Trouble", trouble)
    return writer


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader()
    monkeypatch.setattr(module, "RosterReader", lambda *_args, **_options: reader)
    return reader


@pytest.fixture
def make(writer: FakeWriter, reader: FakeReader) -> Iterator[Make]:
    made: list[RosterKeeper] = []

    def make(
        on_wanted: Callable[[Wanted, bool], None] = lambda _wanted, _is_new: None,
        heartbeat: Callable[[], float | None] = lambda: None,
        on_control: Callable[[RosterView], None] = lambda _view: None,
        on_written: Callable[[float], None] = lambda _began_at: None,
        **changes: Any,
    ) -> RosterKeeper:
        entry = replace(ENTRY, **changes)
        keeper = RosterKeeper(
            connection("kafka:9092"),
            entry,
            group_id="g",
            replication_factor=1,
            on_wanted=on_wanted,
            heartbeat=heartbeat,
            on_control=on_control,
            on_written=on_written,
        )
        made.append(keeper)
        return keeper

    yield make
    writer.gate.set()
    for keeper in made:
        keeper.close(timeout=5.0)


class TestWriting:
    def test_each_interval(self, make: Make, writer: FakeWriter) -> None:
        ages = iter(range(100))
        make(interval=0.01, heartbeat=lambda: float(next(ages))).start()
        eventually(lambda: len(writer.entries) >= 3)
        assert [entry.heartbeat_age for entry in writer.entries[:3]] == [0.0, 1.0, 2.0]

    def test_change_is_written_at_once(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        keeper.start()
        eventually(lambda: writer.entries)
        keeper.tell(state=SeatState.RUNNING, generation_id=3)
        eventually(lambda: len(writer.entries) == 2)
        last = writer.entries[-1]
        assert (last.state, last.generation_id) == (SeatState.RUNNING, 3)
        assert abs(last.since_ms - time.time() * 1000) < 60_000

    def test_state_that_stays_keeps_its_beginning(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        keeper.tell(state=ENTRY.state, member_id="m")
        keeper.start()
        eventually(lambda: writer.entries)
        assert writer.entries[0] == replace(ENTRY, interval=60.0, member_id="m")

    def test_only_the_newest_is_written_after_a_hold_up(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        writer.gate.clear()
        keeper.start()
        eventually(lambda: writer.tries == 1)
        for generation_id in range(10):
            keeper.tell(generation_id=generation_id)
        writer.gate.set()
        eventually(lambda: len(writer.entries) == 2)
        assert [entry.generation_id for entry in writer.entries] == [-1, 9]

    def test_interval_may_change(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        keeper.start()
        eventually(lambda: writer.entries)
        keeper.tell(interval=0.01)
        eventually(lambda: len(writer.entries) > 3)

    def test_begin_of_each_write_is_told_when_the_broker_has_it(self, make: Make, writer: FakeWriter) -> None:
        told: list[float] = []
        keeper = make(interval=60.0, on_written=told.append)
        writer.gate.clear()
        before = time.monotonic()
        keeper.start()
        eventually(lambda: writer.tries == 1)
        begun = time.monotonic()
        assert told == []
        writer.gate.set()
        [began_at] = eventually(lambda: told)
        assert before <= began_at <= begun

    def test_write_that_fails_is_none(self, make: Make, writer: FakeWriter) -> None:
        told: list[float] = []
        writer.refusal = DENIED
        make(interval=0.01, on_written=told.append).start()
        eventually(lambda: writer.tries > 3)
        assert told == []
        writer.refusal = None

    @pytest.mark.parametrize(
        ("changes", "is_quick"), [({}, False), ({"lease": 3.0}, True), ({"role": "standby"}, True)], ids=str
    )
    def test_who_is_waited_for_tries_again_soon(
        self, make: Make, writer: FakeWriter, changes: dict[str, Any], is_quick: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "SOON", 0.01)
        monkeypatch.setattr(
            module, "Trouble", lambda patience, lasting=60.0: Trouble(patience, 60.0, Backoff(30.0, 30.0))
        )
        writer.refusal = DENIED
        make(interval=60.0, **changes).start()
        eventually(lambda: writer.tries > (3 if is_quick else 0))
        time.sleep(0 if is_quick else 0.1)
        assert is_quick or writer.tries == 1
        writer.refusal = None

    def test_unknown_field(self, make: Make) -> None:
        with pytest.raises(TypeError):
            make().tell(mood="good")


class TestClosing:
    def test_last_word(self, make: Make, writer: FakeWriter, reader: FakeReader) -> None:
        keeper = make(interval=60.0)
        keeper.start()
        eventually(lambda: writer.entries)
        keeper.close(timeout=5.0, state=SeatState.STOPPED)
        assert writer.entries[-1].state is SeatState.STOPPED
        assert writer.is_closed
        assert reader.is_closed
        keeper.close(state=SeatState.RUNNING)
        keeper.tell(state=SeatState.RUNNING)
        assert writer.entries[-1].state is SeatState.STOPPED

    def test_no_last_word(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        keeper.start()
        eventually(lambda: writer.entries)
        keeper.close(timeout=5.0)
        assert len(writer.entries) == 1

    def test_last_word_is_tried_until_it_is_late(self, make: Make, writer: FakeWriter) -> None:
        keeper = make(interval=60.0)
        writer.refusal = DENIED
        keeper.start()
        eventually(lambda: writer.tries)
        threading.Timer(0.2, lambda: setattr(writer, "refusal", None)).start()
        keeper.close(timeout=10.0, state=SeatState.STOPPED)
        assert [entry.state for entry in writer.entries] == [SeatState.STOPPED]

    @pytest.mark.parametrize("hangs", [False, True])
    def test_waiting_is_bounded(self, make: Make, writer: FakeWriter, hangs: bool) -> None:
        keeper = make(interval=60.0)
        writer.refusal = DENIED
        if hangs:
            writer.gate.clear()
        keeper.start()
        before = time.monotonic()
        keeper.close(timeout=0.2, state=SeatState.STOPPED)
        assert time.monotonic() - before < 5.0
        assert writer.entries == []

    def test_keeper_that_was_never_started(self, make: Make, writer: FakeWriter) -> None:
        make().close(state=SeatState.STOPPED)
        assert writer.tries == 0

    def test_from_its_own_thread(self, make: Make, writer: FakeWriter, reader: FakeReader) -> None:
        reader.view.wanted = Wanted(1)
        keeper = make(on_wanted=lambda _wanted, _is_new: keeper.close(state=SeatState.LEFT))
        keeper.start()
        eventually(lambda: writer.is_closed)
        assert writer.entries[-1].state is SeatState.LEFT


class TestTrouble:
    def test_one_warning_and_one_line_when_it_is_over(self, make: Make, writer: FakeWriter) -> None:
        writer.refusal = DENIED
        keeper = make(interval=0.01)
        with capture_logs() as logs:
            keeper.start()
            eventually(lambda: logs)
            tries = writer.tries
            eventually(lambda: writer.tries >= tries + 5)
            writer.refusal = None
            eventually(lambda: len(writer.entries) >= 3)
        assert [line["event"] for line in logs] == ["roster.unwritable", "roster.writable"]
        assert logs[0]["problem"].startswith("Grant WRITE.")
        assert logs[0]["group_instance_id"] == "w-0"

    @pytest.mark.parametrize("refused", ["writer", "reader", "both"])
    def test_no_word_of_what_passes(
        self, make: Make, writer: FakeWriter, reader: FakeReader, refused: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "Trouble", lambda patience, lasting=60.0: Trouble(patience, 60.0, Backoff(0.02)))
        writer.refusal = DENIED if refused != "reader" else None
        reader.refusal = RosterUnavailableError("Grant READ.") if refused != "writer" else None
        heard: list[Wanted] = []
        reader.view.wanted = Wanted(2)
        with capture_logs() as logs:
            make(interval=0.01, on_wanted=lambda wanted, _is_new: heard.append(wanted)).start()
            eventually(lambda: writer.tries >= 4)
            writer.refusal = reader.refusal = None
            eventually(lambda: heard and writer.entries)
        assert logs == []

    def test_fault_of_a_callback_is_survived(self, make: Make, writer: FakeWriter) -> None:
        def heartbeat() -> float:
            if len(faults) < 3:
                faults.append(1)
                raise ZeroDivisionError
            return 1.0

        faults: list[int] = []
        with capture_logs() as logs:
            make(interval=0.01, heartbeat=heartbeat).start()
            eventually(lambda: writer.entries)
        assert [line["event"] for line in logs] == ["roster.failed"]

    def test_fault_of_on_wanted_does_not_stop_the_writing(
        self, make: Make, writer: FakeWriter, reader: FakeReader
    ) -> None:
        def on_wanted(_wanted: Wanted, _is_new: bool) -> None:
            calls.append(1)
            raise ZeroDivisionError

        calls: list[int] = []
        reader.view.wanted = Wanted(1)
        with capture_logs():
            make(interval=0.01, on_wanted=on_wanted).start()
            eventually(lambda: calls)
            count = len(writer.entries)
            eventually(lambda: len(writer.entries) > count + 3)


class TestListening:
    def test_old_and_new(self, make: Make, reader: FakeReader) -> None:
        heard: list[tuple[Wanted, bool]] = []
        reader.view.wanted = Wanted(5)
        make(on_wanted=lambda wanted, is_new: heard.append((wanted, is_new))).start()
        eventually(lambda: heard == [(Wanted(5), False)])
        reader.view.wanted = Wanted(5)
        eventually(lambda: heard[1:] == [(Wanted(5), True)])
        reader.view.wanted = None
        reader.view.wanted = Wanted(2)
        eventually(lambda: heard[2:] == [(Wanted(2), True)])

    def test_nothing_wanted(self, make: Make, writer: FakeWriter) -> None:
        heard: list[Wanted] = []
        make(interval=0.01, on_wanted=lambda wanted, _is_new: heard.append(wanted)).start()
        eventually(lambda: len(writer.entries) > 5)
        assert heard == []

    def test_all_that_is_to_be_heeded(self, make: Make, reader: FakeReader) -> None:
        heard: list[float | None] = []
        make(on_control=lambda view: heard.append(view.failover_after("w-0"))).start()
        eventually(lambda: heard == [None])
        reader.view.apply(*encode_watch(Watch("w-standby-0", frozenset({"w-0"}), 3.0)), 100.0, 0)
        reader.has_news = True
        eventually(lambda: heard == [None, 3.0])
        reader.view = RosterView()
        eventually(lambda: heard == [None, 3.0, None])

    def test_roster_that_can_be_written_but_not_read(self, make: Make, writer: FakeWriter, reader: FakeReader) -> None:
        heard: list[Wanted] = []
        reader.refusal = RosterUnavailableError("Grant READ.")
        with capture_logs() as logs:
            make(interval=0.01, on_wanted=lambda wanted, _is_new: heard.append(wanted)).start()
            eventually(lambda: logs and len(writer.entries) > 10)
            reader.view.wanted, reader.refusal = Wanted(2), None
            eventually(lambda: heard == [Wanted(2)])
        assert [line["event"] for line in logs] == ["roster.wanted_unreadable"]
        assert "framework scale" in logs[0]["problem"]

    def test_topic_that_can_no_longer_be_read(self, make: Make, writer: FakeWriter, reader: FakeReader) -> None:
        with capture_logs() as logs:
            make(interval=0.01).start()
            eventually(lambda: writer.entries)
            reader.problem = "Grant READ."
            [line] = eventually(lambda: logs)
        assert line["event"] == "roster.wanted_unreadable"
        assert line["problem"].startswith("Grant READ.")

    def test_topic_that_can_be_neither_written_nor_read_is_told_of_once(
        self, make: Make, writer: FakeWriter, reader: FakeReader
    ) -> None:
        writer.refusal, reader.problem = DENIED, "Grant READ."
        with capture_logs() as logs:
            make(interval=0.01).start()
            eventually(lambda: logs)
            tries = writer.tries
            eventually(lambda: writer.tries >= tries + 5)
        assert [line["event"] for line in logs] == ["roster.unwritable"]

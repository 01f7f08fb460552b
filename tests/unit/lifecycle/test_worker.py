"""Who may end a worker, and with which code; the process itself is not ended here, only told to."""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import pytest
from structlog.testing import capture_logs

import framework.lifecycle.ending as module
from framework.errors import FencedError
from framework.exit_codes import ExitCode
from framework.lifecycle.leave_policy import ORDERS
from framework.lifecycle.link import Failed, Go, Link, Moved, Stop, WorkerSpec
from framework.lifecycle.worker import WorkerProcess
from framework.states import IllegalTransitionError, StopReason, WorkerState
from tests.unit.lifecycle.fake_worker import EndedError, FakeApp, FakeLoop, Recorded

INTERRUPT = Stop(StopReason.INTERRUPT, 5.0)
NOW = Stop(StopReason.INTERRUPT, 5.0, now=True)
RESTART = Stop(StopReason.RESTART, 5.0)


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def loop() -> Any:
    return FakeLoop()


@pytest.mark.parametrize("state", [WorkerState.LOADING, WorkerState.LOADED, WorkerState.CONNECTING])
def test_stop_before_the_join_ends_at_once(state: WorkerState, loop: Any) -> None:
    worker = Recorded().at(state, loop)
    with pytest.raises(EndedError):
        worker.stop(INTERRUPT)
    assert worker.codes() == [ExitCode.OK]


@pytest.mark.parametrize("state", [WorkerState.STARTING, WorkerState.RUNNING])
@pytest.mark.parametrize("command", [INTERRUPT, RESTART, Stop(StopReason.SUPERVISOR_GONE, 3.0)])
def test_stop_after_the_join_asks_the_app(state: WorkerState, command: Stop, loop: Any) -> None:
    worker = Recorded().at(state, loop)
    worker.stop(command)
    assert worker.ends == []
    assert worker._stop_asked is not None
    assert worker._stop_asked.is_set()


@pytest.mark.parametrize("first", [INTERRUPT, RESTART])
def test_second_interrupt_stops_now(first: Stop, loop: Any) -> None:
    worker = Recorded().at(WorkerState.RUNNING, loop)
    worker.stop(first)
    with pytest.raises(EndedError):
        worker.stop(NOW)
    assert worker.codes() == [ExitCode.FORCED]


def test_stop_now_before_the_join_forces_nothing(loop: Any) -> None:
    worker = Recorded().at(WorkerState.CONNECTING, loop)
    with pytest.raises(EndedError):
        worker.stop(NOW)
    assert worker.codes() == [ExitCode.OK]


@pytest.mark.parametrize("second", [INTERRUPT, RESTART, Stop(StopReason.SUPERVISOR_GONE, 3.0)])
def test_what_does_not_say_now_does_not_hurry(second: Stop, loop: Any) -> None:
    worker = Recorded().at(WorkerState.RUNNING, loop)
    worker.stop(INTERRUPT)
    worker.stop(second)
    assert worker.ends == []


class TestSignals:
    """A signal may be for the worker alone or for its whole group; with a supervisor, only that one counts them."""

    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[Stop]:
        found: list[Stop] = []
        monkeypatch.setattr(Recorded, "stop", lambda _, command: found.append(command))
        return found

    @pytest.mark.parametrize(
        ("moments", "now"),
        [([0.0], [False]), ([0.0, 0.05], [False, False]), ([0.0, 0.05, 2.0], [False, False, True])],
        ids=["one", "one that comes twice, as from `timeout`", "two"],
    )
    def test_in_the_foreground(
        self, moments: list[float], now: list[bool], told: list[Stop], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._interrupt(Recorded(), moments, monkeypatch)
        until(lambda: len(told) == len(moments))
        assert sorted(command.now for command in told) == now
        assert {command.grace for command in told} == {module.EARLY_GRACE}

    def test_with_a_supervisor(self, told: list[Stop], monkeypatch: pytest.MonkeyPatch) -> None:
        supervisor, end = multiprocessing.Pipe()
        with supervisor, end:
            self._interrupt(Recorded(Link(end)), [0.0, 2.0, 4.0], monkeypatch)
            until(lambda: len(told) == 3)
        assert {command.now for command in told} == {False}

    def test_asked_to_leave_is_no_interrupt(self, told: list[Stop], monkeypatch: pytest.MonkeyPatch) -> None:
        worker = Recorded()
        self._interrupt(worker, [0.0, 1.0], monkeypatch, signal.SIGUSR2)
        until(lambda: len(told) == 2)
        self._interrupt(worker, [2.0], monkeypatch)
        until(lambda: len(told) == 3)
        self._interrupt(worker, [3.0], monkeypatch)
        until(lambda: len(told) == 4)
        assert [command.now for command in told] == [False, False, False, True]
        assert [command.reason for command in told] == [StopReason.LEAVE] * 2 + [StopReason.INTERRUPT] * 2

    @staticmethod
    def _interrupt(
        worker: Recorded, moments: list[float], monkeypatch: pytest.MonkeyPatch, interrupt: int = signal.SIGTERM
    ) -> None:
        for moment in moments:
            with monkeypatch.context() as clock:
                clock.setattr(module.time, "monotonic", lambda moment=moment: 1000.0 + moment)
                worker.on_signal(interrupt, None)


@pytest.mark.parametrize(
    ("state", "code"), [(WorkerState.STARTING, ExitCode.OK), (WorkerState.RUNNING, ExitCode.FORCED)]
)
def test_grace_is_kept_by_the_worker_itself(state: WorkerState, code: ExitCode, loop: Any) -> None:
    worker = Recorded().at(state, loop)
    worker.keeps_grace = True
    worker.stop(Stop(StopReason.INTERRUPT, 0.01))
    until(lambda: worker.ends)
    assert worker.codes() == [code]


@pytest.fixture
def waiting_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop with a task that waits."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(3600))
    loop.run_until_complete(asyncio.sleep(0))
    yield loop
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()


def test_slow_stop_says_what_holds_it_up_before_it_is_forced(
    waiting_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_STOP", 0.01)
    worker = Recorded().at(WorkerState.RUNNING, waiting_loop)
    worker.keeps_grace = True
    app = worker._app = FakeApp()  # type: ignore[assignment]
    app.unfinished, app.consumer_loop = ["flights[0]@1"], waiting_loop
    with capture_logs() as logs:
        worker.stop(Stop(StopReason.INTERRUPT, 0.2))
        until(lambda: worker.ends)
    slow, forced = (line for line in logs if "waits_at" in line)
    assert (slow["event"], forced["event"]) == ("worker.still_stopping", "worker.forced")
    assert forced["why"] == "0.2 s of grace were not enough"
    for line in (slow, forced):
        assert (line["in_flight"], line["in_flight_count"]) == (["flights[0]@1"], 1)
        (place,) = line["waits_at"]
        assert place.startswith("2 x asyncio/tasks.py")
        assert place.endswith(" sleep")


def test_stop_that_cannot_be_looked_into_is_forced_all_the_same(loop: Any) -> None:
    worker = Recorded().at(WorkerState.RUNNING, loop)
    worker.keeps_grace = True
    worker._app = FakeApp()  # type: ignore[assignment]
    worker._app.in_flight = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with capture_logs() as logs:
        worker.stop(Stop(StopReason.INTERRUPT, 0.01))
        until(lambda: worker.ends)
    (forced,) = (line for line in logs if line["event"] == "worker.forced")
    assert "ZeroDivisionError" in forced["held_up_by"]
    assert worker.codes() == [ExitCode.FORCED]


class TestGrace:
    def test_worker_that_never_ran_gets_little_of_it(self, loop: Any, graces: list[float]) -> None:
        Recorded().at(WorkerState.STARTING, loop).stop(Stop(StopReason.INTERRUPT, 25.0))
        until(lambda: graces)
        assert graces == [module.EARLY_GRACE]

    @pytest.mark.parametrize("reason", sorted(ORDERS))
    def test_but_an_order_to_leave_gets_all(self, reason: StopReason, loop: Any, graces: list[float]) -> None:
        Recorded().at(WorkerState.STARTING, loop).stop(Stop(reason, 25.0))
        until(lambda: graces)
        assert graces == pytest.approx([25.0])

    def test_also_if_it_comes_during_a_restart(self, loop: Any, graces: list[float]) -> None:
        worker = Recorded().at(WorkerState.STARTING, loop)
        worker.stop(Stop(StopReason.RESTART, 25.0))
        worker.at(WorkerState.STOPPING, loop)
        worker.stop(Stop(StopReason.LEAVE, 25.0))
        until(lambda: len(graces) == 2)
        assert sorted(graces) == pytest.approx([module.EARLY_GRACE, 25.0], abs=1.0)

    def test_restart_that_becomes_an_end_gets_no_more(self, loop: Any, graces: list[float]) -> None:
        worker = Recorded().at(WorkerState.RUNNING, loop)
        worker.stop(Stop(StopReason.RESTART, 5.0))
        worker.stop(Stop(StopReason.LEAVE, 25.0))
        until(lambda: len(graces) == 2)
        assert max(graces) <= 5.0

    def test_deadline_of_a_restart_goes_with_it(self, loop: Any) -> None:
        worker = Recorded().at(WorkerState.RUNNING, loop)
        worker.stop(RESTART)
        worker.stop(Stop(StopReason.LEAVE, 5.0))
        worker.keeps_grace = True
        worker._deadline(RESTART, 0.0)
        assert worker.ends == []

    @pytest.fixture
    def graces(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        found: list[float] = []
        monkeypatch.setattr(Recorded, "_deadline", lambda _, command, grace: found.append(grace))
        return found


def test_lost_seat_ends_it_with_the_sentence() -> None:
    worker = Recorded().at(WorkerState.RUNNING)
    with pytest.raises(EndedError):
        worker.on_membership_failure(FencedError("Another process holds the seat."))
    assert worker.last_resorts == [ExitCode.FENCED]
    assert worker.ends == [(ExitCode.FENCED, "Another process holds the seat.")]


class TestWithSupervisor:
    @pytest.fixture
    def pipe(self) -> Any:
        supervisor, worker = multiprocessing.Pipe()
        with supervisor, worker:
            yield supervisor, worker

    def test_it_waits_for_go(self, pipe: tuple[Connection, Connection], loop: Any) -> None:
        supervisor, end = pipe
        worker = Recorded(Link(end)).at(WorkerState.LOADED, loop)
        listening = threading.Thread(target=self._listen, args=(worker,))
        listening.start()
        assert not worker._may_go.is_set()
        supervisor.send(Go())
        assert worker._may_go.wait(5.0)
        supervisor.close()
        listening.join(5.0)
        assert worker.codes() == [ExitCode.OK]

    def test_it_ends_when_the_supervisor_does(self, pipe: tuple[Connection, Connection], loop: Any) -> None:
        supervisor, end = pipe
        worker = Recorded(Link(end)).at(WorkerState.RUNNING, loop)
        supervisor.close()
        self._listen(worker)
        assert worker._stopping == Stop(StopReason.SUPERVISOR_GONE, module.ORPHAN_GRACE)

    def test_also_in_a_roll(self, pipe: tuple[Connection, Connection], loop: Any) -> None:
        supervisor, end = pipe
        worker = Recorded(Link(end)).at(WorkerState.RUNNING, loop)
        supervisor.send(RESTART)
        supervisor.close()
        self._listen(worker)
        assert worker._stopping == Stop(StopReason.SUPERVISOR_GONE, module.ORPHAN_GRACE)

    @staticmethod
    def _listen(worker: Recorded) -> None:
        with suppress(EndedError):
            worker.listen()

    def test_moves_are_told(self, pipe: tuple[Connection, Connection]) -> None:
        supervisor, end = pipe
        worker = Recorded(Link(end))
        worker.move(WorkerState.LOADED)
        assert supervisor.recv() == Moved(WorkerState.LOADED)
        with pytest.raises(IllegalTransitionError):
            worker.move(WorkerState.RUNNING)
        assert worker.state is WorkerState.LOADED

    def test_last_words_come_before_the_end(
        self, pipe: tuple[Connection, Connection], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        supervisor, end = pipe
        codes: list[int] = []
        monkeypatch.setattr(module.os, "_exit", codes.append)
        WorkerProcess(WorkerSpec("shop:app"), Link(end)).end(ExitCode.FENCED, "why")
        assert codes == [80]
        assert supervisor.recv() == Failed(ExitCode.FENCED, "why")
        assert capsys.readouterr().err == ""

    def test_worker_in_the_foreground_says_them_itself(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(module.os, "_exit", lambda _: None)
        WorkerProcess(WorkerSpec("shop:app"), Link()).end(ExitCode.FENCED, "why")
        assert capsys.readouterr().err == "error: why\n"

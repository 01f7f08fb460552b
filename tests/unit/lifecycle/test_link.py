"""What supervisor and worker say arrives as it was said, over a real pipe."""

import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any

import pytest

from framework.exit_codes import ExitCode
from framework.lifecycle.link import Beat, Failed, Go, Link, Moved, Promoted, Shadows, Stop, WorkerSpec, Yielded
from framework.membership.roster import Shadowing
from framework.states import ShadowState, StopReason, WorkerState


@pytest.fixture
def pipe() -> Any:
    supervisor, worker = multiprocessing.Pipe()
    with supervisor, worker:
        yield supervisor, worker


@pytest.mark.parametrize(
    "report",
    [
        Moved(WorkerState.RUNNING),
        Moved(WorkerState.LOADING),
        Beat(17),
        Failed(ExitCode.FENCED, "Another process holds the seat 'flights-0'."),
        Shadows(Shadowing("s", ShadowState.WARMING, "why", 3.0, {"w-0": None, "w-1": 7}), {"t/0": None, "t/1": 7}),
        Promoted("flights-0"),
        Yielded(),
    ],
)
def test_report(report: Any, pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    Link(worker).say(report)
    heard = supervisor.recv()
    assert heard == report
    assert type(heard) is type(report)


def test_enums_stay_enums(pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    Link(worker).say(Moved(WorkerState.RUNNING))
    Link(worker).say(Failed(ExitCode.FENCED, ""))
    assert supervisor.recv().state is WorkerState.RUNNING
    assert supervisor.recv().code is ExitCode.FENCED


@pytest.mark.parametrize(
    "command",
    [Go(), Go(seat="w-0", has_yielded=True, has_unanswered_join=True, is_shadowed=True), Stop(StopReason.RESTART, 2.5)],
)
def test_command(command: Any, pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    supervisor.send(command)
    assert Link(worker).listen() == command


def test_spec_survives_the_pipe(pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    spec = WorkerSpec(
        "apps.flights:app", slot=2, slots=3, folder="/srv", debug=True, role="standby", announced=("a", "b")
    )
    supervisor.send(spec)
    assert worker.recv() == spec


def test_supervisor_that_is_gone(pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    supervisor.send(Go())
    supervisor.close()
    link = Link(worker)
    assert link.listen() == Go()
    assert link.listen() is None
    assert link.listen() is None
    link.say(Beat(0))


def test_own_end_that_is_closed(pipe: tuple[Connection, Connection]) -> None:
    _, worker = pipe
    worker.close()
    assert Link(worker).listen() is None
    Link(worker).say(Beat(0))


def test_worker_in_the_foreground_says_nothing() -> None:
    link = Link()
    assert not link.is_attached
    link.say(Beat(0))
    with pytest.raises(AssertionError, match="nobody to listen to"):
        link.listen()


def test_several_threads_may_speak(pipe: tuple[Connection, Connection]) -> None:
    supervisor, worker = pipe
    link = Link(worker)
    # Not beats: those are dropped while the pipe is full, and whoever waits for all of them would wait for ever.
    reports = [Failed(ExitCode.CRASHED, str(number)) for number in range(4)]
    threads = [threading.Thread(target=lambda r=report: [link.say(r) for _ in range(20)]) for report in reports]
    for thread in threads:
        thread.start()
    heard = [supervisor.recv().message for _ in range(80)]
    for thread in threads:
        thread.join()
    assert sorted(heard) == sorted(["0", "1", "2", "3"] * 20)

"""What a supervisor does about interrupts, the code that it ends with, and what it tells; its slots are fakes."""

import asyncio
import os
import signal
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.supervisor as module
from framework import Settings
from framework.exit_codes import ExitCode
from framework.lifecycle.interrupts import ONE_INTERRUPT
from framework.lifecycle.link import Failed
from framework.lifecycle.supervisor import Supervisor, worst
from framework.states import StopReason
from tests.unit.lifecycle.fake_slot import FakeSlot
from tests.unit.lifecycle.some_status import running

CODES = st.lists(st.sampled_from(ExitCode))


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.OK], ExitCode.OK),
        ([ExitCode.OK, ExitCode.FORCED], ExitCode.FORCED),
        ([ExitCode.FORCED, ExitCode.FENCED], ExitCode.FENCED),
        ([ExitCode.CRASH_LOOP, ExitCode.FENCED], ExitCode.CRASH_LOOP),
    ],
)
def test_worst(codes: list[ExitCode], code: ExitCode) -> None:
    assert worst(codes) is code


@given(CODES)
def test_it_is_well_only_if_all_workers_ended_well(codes: list[ExitCode]) -> None:
    found = worst(codes)
    assert (found is ExitCode.OK) is all(code is ExitCode.OK for code in codes)
    assert found is ExitCode.OK or found in codes
    assert found is not ExitCode.FORCED or set(codes) <= {ExitCode.OK, ExitCode.FORCED}


def test_person_reads_the_same_sentence_once(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor("shop:app", 3, Settings.load(environ={}, env_file=None))
    for message in ("The port is taken.", "The port is taken.", "Another thing."):
        supervisor._on_failed(Failed(ExitCode.PORT_TAKEN, message))
    assert capsys.readouterr().err == "error: The port is taken.\nerror: Another thing.\n"


def test_each_worker_gets_its_slot() -> None:
    supervisor = Supervisor("shop:app", 3, Settings.load(environ={}, env_file=None), debug=True)
    assert [(spec.slot, spec.slots, spec.debug) for spec in supervisor._specs] == [(n, 3, True) for n in range(3)]


@pytest.mark.parametrize("role", ["primary", "standby"])
def test_each_worker_gets_the_role(role: str) -> None:
    supervisor = Supervisor("shop:app", 2, Settings.load(environ={}, env_file=None, role=role))
    assert [spec.role for spec in supervisor._specs] == [role, role]


class Commanded:
    """A supervisor of two slots that are fakes, and a clock that a test sets.

    Attributes:
        now: seconds of the event loop.
    """

    def __init__(self) -> None:
        self.supervisor = Supervisor("shop:app", 2, Settings.load(environ={}, env_file=None, shutdown_grace=7.0))
        self.slots = [FakeSlot(0), FakeSlot(1)]
        self.supervisor._slots = self.slots  # type: ignore[assignment]
        self.now = 1000.0

    def interrupt(self, interrupt: signal.Signals, after: float = 0.0) -> None:
        self.now += after
        self.supervisor._on_interrupt(interrupt)

    @property
    def reasons(self) -> list[StopReason]:
        """Of the stops that each slot was told of."""
        first, second = ([reason for _, reason in slot.stops] for slot in self.slots)
        assert first == second
        return first


@pytest.fixture
def commanded(monkeypatch: pytest.MonkeyPatch) -> Commanded:
    found = Commanded()
    loop = SimpleNamespace(time=lambda: found.now)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    return found


class TestInterrupts:
    def test_first_stops_and_second_stops_now(self, commanded: Commanded) -> None:
        commanded.interrupt(signal.SIGTERM)
        assert commanded.slots[0].stops == [(7.0, StopReason.INTERRUPT)]
        commanded.interrupt(signal.SIGTERM, after=1.0)
        assert commanded.reasons == [StopReason.INTERRUPT] * 2

    def test_one_for_the_whole_process_group_is_one(self, commanded: Commanded) -> None:
        commanded.interrupt(signal.SIGTERM)
        commanded.interrupt(signal.SIGTERM, after=ONE_INTERRUPT / 3)
        commanded.interrupt(signal.SIGINT, after=ONE_INTERRUPT / 3)
        assert commanded.reasons == [StopReason.INTERRUPT]

    def test_interrupts_do_not_stretch_the_time_within_which_they_are_one(self, commanded: Commanded) -> None:
        for _ in range(3):
            commanded.interrupt(signal.SIGTERM, after=ONE_INTERRUPT * 0.6)
        assert commanded.reasons == [StopReason.INTERRUPT] * 2

    def test_key_of_a_terminal_is_told_from_an_orchestrator(
        self, commanded: Commanded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "reason_of", lambda _: StopReason.TERMINAL)
        commanded.interrupt(signal.SIGINT)
        assert commanded.reasons == [StopReason.TERMINAL]


class TestLeave:
    def test_sigusr2_stops_and_leaves(self, commanded: Commanded) -> None:
        commanded.interrupt(signal.SIGUSR2)
        assert commanded.slots[1].stops == [(7.0, StopReason.LEAVE)]

    def test_said_again_it_is_no_interrupt(self, commanded: Commanded) -> None:
        commanded.supervisor.leave()
        commanded.supervisor.leave()
        commanded.interrupt(signal.SIGUSR2, after=5.0)
        assert commanded.reasons == [StopReason.LEAVE]

    @pytest.mark.parametrize("after", [0.0, 5.0])
    def test_interrupt_of_an_orchestrator_does_not_cut_it_short_but_the_next_does(
        self, after: float, commanded: Commanded
    ) -> None:
        commanded.supervisor.leave()
        commanded.interrupt(signal.SIGTERM, after=after)
        assert commanded.reasons == [StopReason.LEAVE]
        commanded.interrupt(signal.SIGTERM, after=1.0)
        assert commanded.reasons == [StopReason.LEAVE, StopReason.INTERRUPT]

    def test_it_comes_too_late_after_an_interrupt(self, commanded: Commanded) -> None:
        commanded.interrupt(signal.SIGTERM)
        commanded.supervisor.leave()
        assert commanded.reasons == [StopReason.INTERRUPT]


def test_operating_system_reaches_it() -> None:
    async def scenario() -> None:
        commanded = Commanded()
        commanded.supervisor._take_interrupts()
        os.kill(os.getpid(), signal.SIGUSR2)
        async with asyncio.timeout(5.0):
            while not commanded.slots[0].stops:
                await asyncio.sleep(0)
        assert commanded.reasons == [StopReason.LEAVE]

    asyncio.run(scenario())


class TestRoll:
    def test_workers_are_replaced_but_those_that_have_left_are_not(self) -> None:
        commanded = Commanded()
        commanded.slots[0].has_left = True
        asyncio.run(commanded.supervisor._replace_all())
        assert [slot.replaces for slot in commanded.slots] == [0, 1]

    def test_it_stops_at_the_first_that_does_not_come_up(self) -> None:
        commanded = Commanded()
        commanded.slots[0].can_replace = False
        asyncio.run(commanded.supervisor._replace_all())
        assert [slot.replaces for slot in commanded.slots] == [1, 0]


class TestStatus:
    def test_all_that_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        commanded = Commanded()
        began = commanded.supervisor._started
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: began + 12.5))
        status = commanded.supervisor.status()
        assert (status.target, status.pid, status.host, status.role) == (
            "shop:app",
            os.getpid(),
            socket.gethostname(),
            "primary",
        )
        assert (status.uptime, status.session_timeout, status.is_stopping) == (12.5, 45.0, False)
        assert status.workers == (running(0), running(1))

    def test_it_says_that_it_stops(self, commanded: Commanded) -> None:
        commanded.supervisor.leave()
        assert commanded.supervisor.status().is_stopping

"""Why a process stops that is interrupted: a terminal is asked for by a child that has one of its own."""

import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest

from framework.lifecycle.interrupts import INTERRUPTS, reason_of
from framework.states import StopReason

Ground = Literal["foreground", "background", "without"]

SCRIPT = """
    import fcntl, os, signal, sys, termios, time
    from framework.lifecycle.interrupts import reason_of

    terminal, answers, ground = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def answer(text):
        os.write(answers, (text + "\\n").encode())

    def on_interrupt(interrupt, frame):
        answer(reason_of(interrupt).value)
        os._exit(0)

    if ground != "without":
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    if ground == "background" and (child := os.fork()):
        os.waitpid(child, 0)
        os._exit(0)
    if ground == "background":
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, on_interrupt)
    answer(str(os.getpid()))
    while True:
        # Not `pause`: a signal that comes just before it is only noted, and its handler runs when `pause` has ended.
        time.sleep(0.05)
"""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that tells why it stops.

    Attributes:
        pid: its process id.
        keyboard: descriptor of the other end of its terminal.
        answers: descriptor to read what it says.
    """

    pid: int
    keyboard: int
    answers: int

    def why(self) -> str:
        return _line(self.answers)


def _line(descriptor: int) -> str:
    readable, _, _ = select.select([descriptor], [], [], 20.0)
    assert readable, "the child says nothing"
    return os.read(descriptor, 1000).decode().strip()


@contextmanager
def child(ground: Ground, on: int = 0) -> Iterator[Child]:
    """Start it in a session of its own, with a terminal at descriptor `on` and nothing at the other two."""
    keyboard, terminal = pty.openpty()
    answers, end = os.pipe()
    standard = [subprocess.DEVNULL] * 3
    standard[on] = terminal
    stdin, stdout, stderr = standard
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(on), str(end), ground],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=[end],
    )
    try:
        os.close(terminal)
        os.close(end)
        yield Child(int(_line(answers)), keyboard, answers)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
        os.close(answers)


class TestTerminal:
    @pytest.mark.parametrize("on", [0, 1, 2], ids=["stdin", "stdout", "stderr"])
    def test_key_in_the_foreground(self, on: int) -> None:
        with child("foreground", on) as found:
            os.write(found.keyboard, b"\x03")
            assert found.why() == StopReason.TERMINAL

    def test_process_of_the_background_was_not_meant_by_the_key(self) -> None:
        with child("background") as found:
            os.kill(found.pid, signal.SIGINT)
            assert found.why() == StopReason.INTERRUPT

    def test_open_terminal_of_another_session_is_not_enough(self) -> None:
        with child("without") as found:
            os.kill(found.pid, signal.SIGINT)
            assert found.why() == StopReason.INTERRUPT


def test_orchestrator_does_not_say_whether_the_worker_comes_back() -> None:
    assert reason_of(signal.SIGTERM) is StopReason.INTERRUPT


def test_operator_says_that_it_does_not() -> None:
    assert reason_of(signal.SIGUSR2) is StopReason.LEAVE


@pytest.mark.parametrize("interrupt", sorted(INTERRUPTS - {signal.SIGINT, signal.SIGUSR2}))
def test_only_sigint_can_come_from_a_terminal(interrupt: int) -> None:
    assert reason_of(interrupt) is StopReason.INTERRUPT

"""A worker that does not end its process, and fakes of what it lives with: a loop, an app, a presence."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NoReturn

from framework.exit_codes import ExitCode
from framework.lifecycle.leave_policy import Decision
from framework.lifecycle.link import Link, Report, Stop, WorkerSpec
from framework.lifecycle.worker import WorkerProcess
from framework.membership.group import Joined
from framework.states import StopReason, WorkerState
from framework.streams.lease import Lease


class EndedError(BaseException):
    """Stands for the end of the process, which a test does not want to die with."""


class Recorded(WorkerProcess):
    """A worker that notes how it would have ended.

    Attributes:
        ends: with which code and sentence, in order.
        last_resorts: the codes with which it would have ended whatever blocked it.
        keeps_grace: whether its deadlines count; they would outlive the test, and speak in another one.
    """

    def __init__(self, link: Link | None = None) -> None:
        super().__init__(WorkerSpec("shop:app"), link or Link())
        self.ends: list[tuple[ExitCode, str | None]] = []
        self.last_resorts: list[ExitCode] = []
        self.keeps_grace = False

    def end(self, code: ExitCode, message: str | None = None) -> NoReturn:
        self.ends.append((code, message))
        raise EndedError

    def _end_soon(self, code: ExitCode) -> None:
        self.last_resorts.append(code)

    def _deadline(self, command: Stop, grace: float) -> None:
        if self.keeps_grace:
            with suppress(EndedError):
                super()._deadline(command, grace)

    def _say_if_slow(self, command: Stop) -> None:
        if self.keeps_grace:
            super()._say_if_slow(command)

    def at(self, state: WorkerState, loop: asyncio.AbstractEventLoop | None = None) -> "Recorded":
        self.state = state
        self._loop = loop
        self._stop_asked = asyncio.Event()
        return self

    def codes(self) -> list[ExitCode]:
        return [code for code, _ in self.ends]


class FakeLoop:
    """A fake of the event loop of a worker: calls what it is handed at once."""

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        callback()


class FakeLink(Link):
    """A fake of the pipe: notes what the supervisor is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Report] = []

    def say(self, report: Report) -> None:
        self.said.append(report)


class FakeApp:
    """A fake of `App`: starts, stops and crashes as the test says.

    Attributes:
        calls: what was called, in order; shared with the presence.
        can_leave: whether the broker confirms that it left.
        has_left: whether it has.
        member: its member of the group.
        unfinished: the records that its agents are at.
        consumer_loop: the event loop of the consumer's thread.
        starts_by: what has to be set before it has started.
        stops_by: what has to be set before its member closes.
        crash_reason: the error that it ended with.
        crashes_at_the_stop: the error that its stop ends with.
        lease: whether it may emit.
    """

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.settings = SimpleNamespace(shutdown_grace=7.0)
        self.lease = Lease()
        self.identity = SimpleNamespace(group_instance_id="w-0")
        self.on_demoted = SimpleNamespace(send=self._demoted)
        self.conf = SimpleNamespace(autodiscover=False)
        self.has_pages = False
        self.in_worker = False
        self.can_leave = True
        self.has_left = False
        self.member = SimpleNamespace(failure=None)
        self.starts_by = asyncio.Event()
        self.starts_by.set()
        self.stops_by = asyncio.Event()
        self.stops_by.set()
        self.unfinished: list[str] = []
        self.consumer_loop: asyncio.AbstractEventLoop | None = None
        self._leaves = False
        self.crash_reason: BaseException | None = None
        self.crashes_at_the_stop: BaseException | None = None
        self._stopped = asyncio.Event()
        self._crashed = asyncio.Event()

    async def _demoted(self, *, seat: str) -> None:
        self.calls.append(("demoted", seat))

    def worker_init(self) -> None:
        self.calls.append("init")

    def in_flight(self) -> list[str]:
        return self.unfinished

    async def start(self) -> None:
        await self.starts_by.wait()
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")
        await self.stops_by.wait()
        self.crash_reason = self.crash_reason or self.crashes_at_the_stop
        self.has_left = self._leaves and self.can_leave and self.crash_reason is None

    def leave_on_stop(self) -> None:
        self.calls.append("leave")
        self._leaves = True

    def end_by_itself(self) -> None:
        self._stopped.set()

    def crash(self, error: BaseException) -> None:
        self.crash_reason = error
        self._crashed.set()


class FakePresence:
    """A fake of `Presence`: decides what the test says, and notes what it was told.

    Attributes:
        should_leave: the decision, but where somebody else sits down next.
        asked: the reasons that it was asked about.
        while_deciding: called during the next decision.
    """

    def __init__(self, calls: list[object]) -> None:
        self.should_leave = False
        self.asked: list[StopReason] = []
        self.while_deciding: Callable[[], None] = lambda: None
        self._calls = calls

    def on_member_id(self, member_id: str) -> None:
        self._calls.append(("member id", member_id))

    def on_joined(self, joined: Joined) -> None:
        self._calls.append(("joined", joined.member_id))

    def running(self, took: float | None = None) -> None:
        self._calls.append("running" if took is None else ("running", took))

    def stopping(self, reason: StopReason) -> None:
        self._calls.append(("stopping", reason))

    def stopped(self, reason: StopReason, *, has_left: bool) -> None:
        self._calls.append(("stopped", reason, has_left))

    def drilled(self, uncommitted: int) -> None:
        self._calls.append(("drilled", uncommitted))

    async def decide_to_leave(self, reason: StopReason) -> Decision:
        self.asked.append(reason)
        await asyncio.sleep(0)
        meanwhile, self.while_deciding = self.while_deciding, lambda: None
        meanwhile()
        has_successor = reason in (StopReason.RESTART, StopReason.HANDOVER)
        return Decision(self.should_leave and not has_successor, "the test says so")


class Living:
    """A worker that is about to start its app.

    Attributes:
        worker: it.
        app: its app.
        presence: its presence in the roster.
        link: its supervisor.
    """

    def __init__(self) -> None:
        self.link = FakeLink()
        self.worker = Recorded(self.link).at(WorkerState.STARTING, asyncio.get_running_loop())
        self.app = FakeApp()
        self.presence = FakePresence(self.app.calls)
        worker: Any = self.worker
        worker._app, worker._presence = self.app, self.presence

    def live(self) -> "asyncio.Task[None]":
        """Let it live until its last commit."""
        app: Any = self.app
        return asyncio.ensure_future(self.worker._run(app))

    async def called(self, call: object) -> None:
        """Wait until app or presence was called so."""
        async with asyncio.timeout(5.0):
            while call not in self.app.calls:
                await asyncio.sleep(0)

    async def reached(self, state: WorkerState) -> None:
        """Wait until it is in a state."""
        async with asyncio.timeout(5.0):
            while self.worker.state is not state:
                await asyncio.sleep(0)

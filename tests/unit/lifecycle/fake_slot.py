"""A fake: a slot that only notes what its supervisor wants of it."""

from framework.exit_codes import ExitCode
from framework.lifecycle.link import WorkerSpec
from framework.lifecycle.status import WorkerStatus
from framework.states import StopReason, WorkerState
from tests.unit.lifecycle.some_status import running


class FakeSlot:
    """A fake of `Slot`.

    Attributes:
        stops: grace and reason of each stop, in order.
        replaces: how often it was to replace its worker.
        can_replace: whether that succeeds.
    """

    def __init__(self, number: int) -> None:
        self.spec = WorkerSpec("shop:app", number)
        self.state = WorkerState.RUNNING
        self.has_ended = False
        self.has_left = False
        self.stops: list[tuple[float, StopReason]] = []
        self.replaces = 0
        self.can_replace = True

    def stop(self, grace: float, reason: StopReason) -> None:
        self.stops.append((grace, reason))

    async def replace(self, grace: float) -> bool:
        self.replaces += 1
        return self.can_replace

    def status(self) -> WorkerStatus:
        return running(self.spec.slot)

    async def keep(self) -> ExitCode:
        return ExitCode.OK

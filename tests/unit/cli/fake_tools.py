"""A fake: what the commands about standbys work with, over a scene in which orders are obeyed as a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from framework.cli.standby_tools import Tools
from framework.errors import NotAllowedError
from framework.membership.group import Group
from framework.membership.roster import Order
from tests.unit.membership.fake_standby import Scene


@dataclass
class FakeTools:
    """A scene, the orders that were written and withdrawn, and what was told.

    Attributes:
        scene: who is there.
        obey: called with an order that was written.
        plan: `(monotonic seconds, what happens)`; as time goes on, what is due is done.
    """

    scene: Scene = field(default_factory=Scene)
    obey: Callable[[Order], None] = lambda _: None
    plan: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    written: list[Order] = field(default_factory=list)
    withdrawn: list[Order] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    keeps_speaking: bool = True

    def __post_init__(self) -> None:
        self.scene.roster.on_wait = self._go_on

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Let something happen when so many seconds have gone by."""
        self.plan.append((self.scene.roster.now + seconds, what))

    def tools(self) -> Tools:
        """What a command is given."""
        roster = self.scene.roster
        return Tools("flights", "flights-standby", self._describe, roster, self._write, self._withdraw, roster.clock)

    def _go_on(self, now: float) -> None:
        due = [what for at, what in self.plan if at <= now]
        self.plan = [(at, what) for at, what in self.plan if at > now]
        for what in due:
            what()
        if self.keeps_speaking:
            self._renew()

    def _renew(self) -> None:
        view = self.scene.roster.view
        for seen in [*view.seats().values(), *view.standbys().values()]:
            if seen.is_alive(self.scene.roster.now) and not seen.entry.reason:
                self.scene.write(seen.entry)

    async def _describe(self, group_id: str) -> Group:
        if group_id == "flights":
            return self.scene.group
        if self.scene.standby_group is None:
            raise NotAllowedError(f"Group {group_id} may not be described.")
        return self.scene.standby_group

    async def _write(self, order: Order) -> None:
        self.written.append(order)
        self.obey(order)

    async def _withdraw(self, order: Order) -> None:
        self.withdrawn.append(order)

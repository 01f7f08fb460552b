"""A seat on its way from one process to another, as the roster shows it; pure, asks nobody."""

from enum import StrEnum

from framework.identity import Incarnation
from framework.membership.roster import Entry, Order
from framework.membership.roster_view import RosterView, Seen
from framework.states import GONE, SeatState, StopReason


class Phase(StrEnum):
    """How far it is, as the end of a sentence about the seat."""

    ASKED = "its owner has not obeyed yet"
    STOPPING = "its owner finishes its work and commits"
    EMPTY = "nobody sits in it"
    STARTING = "the new owner sits down"
    DONE = "the new owner is running"


class Passing:
    """Follows one order from the moment before it is written.

    Args:
        order: what was asked for.
        successor: the process that is expected in the seat; None where any may come.
        view: the roster before the order; whoever is known there is no new owner.
    """

    def __init__(self, order: Order, successor: Incarnation | None, view: RosterView, now: float) -> None:
        self.order = order
        self.former: Seen | None = view.of(order.seat, order.owner)
        self.newcomer: Seen | None = None
        self.stopped_ms: int | None = None
        self.running_ms: int | None = None
        self.is_at_least = False
        self._successor = successor
        self._known = {seen.entry.client_id for seen in view.all_live(order.seat, now)} | {order.owner}

    def look(self, view: RosterView, now: float) -> None:
        """Take in what the roster says by now; call it for each change, since the view keeps no history."""
        former = view.of(self.order.seat, self.order.owner)
        if former is not None:
            self.former = former
            if self.stopped_ms is None and has_stopped(former.entry):
                self.stopped_ms = former.written_ms
                # Its first word about the stop was written over before it could be read.
                self.is_at_least = former.entry.state in GONE
        self.newcomer = self._find_newcomer(view, now)
        if self.running_ms is None and self.is_done and self.newcomer is not None:
            self.running_ms = self.newcomer.written_ms

    def _find_newcomer(self, view: RosterView, now: float) -> Seen | None:
        new = [
            seen
            for seen in view.all_live(self.order.seat, now)
            if seen.entry.client_id not in self._known and not seen.entry.is_standby
        ]
        expected = [seen for seen in new if seen.entry.incarnation == self._successor]
        return next(reversed(expected or new), None)

    @property
    def is_done(self) -> bool:
        """Whether somebody else is at work in the seat: whom the order meant, or a stranger."""
        return self.newcomer is not None and self.newcomer.entry.state is SeatState.RUNNING

    @property
    def is_stranger(self) -> bool:
        """Whether the one who has come is not the one who was expected."""
        newcomer = self.newcomer
        return newcomer is not None and self._successor not in (None, newcomer.entry.incarnation)

    @property
    def phase(self) -> Phase:
        """How far it is."""
        if self.newcomer is not None:
            return Phase.DONE if self.is_done else Phase.STARTING
        if self.former is None or not has_stopped(self.former.entry):
            return Phase.ASKED
        is_gone = self.former.entry.state in GONE or self.former.entry.reason == StopReason.DRILL
        return Phase.EMPTY if is_gone else Phase.STOPPING

    @property
    def standstill(self) -> float | None:
        """Seconds from the owner's word that it stops to its successor's that it runs, by the broker's clock."""
        if self.stopped_ms is None or self.running_ms is None:
            return None
        return max(0.0, (self.running_ms - self.stopped_ms) / 1000)


def has_stopped(entry: Entry) -> bool:
    """Whether a process takes no new work any more: one that dies in a drill says so only by its reason."""
    return entry.state not in (SeatState.STARTING, SeatState.RUNNING) or bool(entry.reason)

"""What was read of the roster, and how old it is; reads no topic itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from framework.membership.roster import CLAIM_LASTS, Claim, Entry, GaveUp, Order, Restarting, Wanted, Watch
from framework.membership.roster_records import CLAIM_KEY, ORDER_KEY, WANTED_KEY, WATCH_KEY, decode
from framework.states import GONE

GAVE_UP_LASTS = 300.0
"""Seconds for which it is remembered that somebody gave up waiting for a holder."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry and when it came.

    Attributes:
        entry: as it was written.
        seen_at: monotonic seconds of this machine when it was read.
        written_ms: when the broker got it, milliseconds since 1970.
    """

    entry: Entry
    seen_at: float
    written_ms: int

    def age(self, now: float) -> float:
        """Seconds since it was read: an entry that a live worker renews stays young."""
        return now - self.seen_at

    def is_alive(self, now: float) -> bool:
        """Whether its process has to be taken for a live one."""
        return self.entry.state not in GONE and self.age(now) < self.entry.stale_after


class RosterView:
    """The newest entry of each incarnation of each seat, and what is wanted.

    Two processes that fight for a seat write under one key, so the last record of a key is not the whole truth.
    """

    def __init__(self) -> None:
        self.wanted: Wanted | None = None
        self._seen: dict[str, dict[str, Seen]] = {}
        self._gave_up: dict[str, tuple[GaveUp, float]] = {}
        self._watches: dict[str, Watch] = {}
        self._orders: dict[str, tuple[Order, float]] = {}
        self._restarting: dict[str, tuple[Restarting, float]] = {}
        self._claims: dict[tuple[str, str], tuple[Claim, float]] = {}

    def apply(self, key: bytes | None, value: bytes | None, now: float, written_ms: int) -> None:
        """Take in one record; no value means that the key was deleted.

        Raises:
            UnreadableRecordError: it is of a newer format, or garbage; the view is as before.
        """
        if value is None:
            self._forget((key or b"").decode(errors="replace"))
            return
        record = decode(key, value)
        if isinstance(record, Wanted):
            self.wanted = record
            return
        if not isinstance(record, Entry):
            self._note(record, now)
            return
        of_seat = self._seen.setdefault(record.group_instance_id, {})
        # The order in the dict is that of the last writing; what has been replaced for long is forgotten.
        of_seat.pop(record.client_id, None)
        of_seat[record.client_id] = Seen(record, now, written_ms)
        while len(of_seat) > 8:
            of_seat.pop(next(iter(of_seat)))

    def _forget(self, key: str) -> None:
        if key == WANTED_KEY.decode():
            self.wanted = None
        elif key.startswith(WATCH_KEY):
            self._watches.pop(key.removeprefix(WATCH_KEY), None)
        elif key.startswith(ORDER_KEY):
            self._orders.pop(key.removeprefix(ORDER_KEY), None)
        elif key.startswith(CLAIM_KEY):
            seat, _, standby_id = key.removeprefix(CLAIM_KEY).partition(":")
            self._claims.pop((seat, standby_id), None)
        else:
            self._seen.pop(key, None)

    def _note(self, word: GaveUp | Watch | Order | Restarting | Claim, now: float) -> None:
        match word:
            case GaveUp():
                self._gave_up[word.group_instance_id] = word, now
            case Watch():
                self._watches[word.standby_id] = word
            case Order():
                self._orders[word.seat] = word, now
            case Restarting():
                self._restarting[word.seat] = word, now
            case Claim():
                # The order in the dict is that of the log: who claims anew is the last again.
                self._claims.pop((word.seat, word.standby_id), None)
                self._claims[word.seat, word.standby_id] = word, now

    def seats(self) -> Mapping[str, Seen]:
        """`{group_instance_id: what was written last for it}`, the seats of the group itself."""
        return {seat: seen for seat, seen in self._newest().items() if not seen.entry.is_standby}

    def standbys(self) -> Mapping[str, Seen]:
        """`{instance id in the standby group: what was written last for it}`."""
        return {standby_id: seen for standby_id, seen in self._newest().items() if seen.entry.is_standby}

    def _newest(self) -> dict[str, Seen]:
        return {seat: next(reversed(found.values())) for seat, found in self._seen.items() if found}

    def shadows_of(self, seat: str, now: float) -> Mapping[str, Seen]:
        """The live standbys that shadow a seat, by their instance id in the standby group."""
        return {
            standby_id: seen
            for standby_id, seen in sorted(self.standbys().items())
            if seen.is_alive(now) and seen.entry.shadowing is not None and seat in seen.entry.shadowing.lags
        }

    def failover_after(self, seat: str, but: str = "") -> float | None:
        """The shortest silence after which somebody takes a seat over; None where nobody shadows it.

        Args:
            seat: which.
            but: a standby that does not count.
        """
        found = (w.failover_after for w in self._watches.values() if seat in w.seats and w.standby_id != but)
        return min(found, default=None)

    def claims_on(self, seat: str, now: float) -> list[Claim]:
        """The shadows that are about to sit down in a seat, in the order of their claims."""
        return [claim for claim, read_at in self._claims.values() if claim.seat == seat and now - read_at < CLAIM_LASTS]

    def order_for(self, seat: str) -> tuple[Order, float] | None:
        """The last order about a seat, and when it was read (monotonic seconds)."""
        return self._orders.get(seat)

    def restarting(self, seat: str) -> tuple[Restarting, float] | None:
        """Which process is about to come into a seat, and when that was read (monotonic seconds)."""
        return self._restarting.get(seat)

    def of(self, group_instance_id: str, client_id: str) -> Seen | None:
        """The newest entry of one incarnation."""
        return self._seen.get(group_instance_id, {}).get(client_id)

    def member(self, group_instance_id: str, member_id: str) -> Seen | None:
        """The newest entry of the incarnation that has this member id."""
        found = self._seen.get(group_instance_id, {}).values()
        return next((seen for seen in reversed(list(found)) if seen.entry.member_id == member_id), None)

    def all_live(self, group_instance_id: str, now: float) -> list[Seen]:
        """The entries of incarnations of the seat that have to be taken for live ones, the one written last at the end.

        A process that was fenced cannot say that it has gone, and stays among them until its entry is stale.
        """
        return [seen for seen in self._seen.get(group_instance_id, {}).values() if seen.is_alive(now)]

    def live(self, group_instance_id: str, now: float) -> Seen | None:
        """The one of them that was written last."""
        return next(reversed(self.all_live(group_instance_id, now)), None)

    def has_given_up(self, group_instance_id: str, host: str, holder_client_id: str, now: float) -> bool:
        """Whether a process of `host` gave up not long ago because this very holder had the seat."""
        found, at = self._gave_up.get(group_instance_id, (None, now))
        return found == GaveUp(group_instance_id, host, holder_client_id) and now - at < GAVE_UP_LASTS

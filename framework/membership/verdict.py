"""Whose seat is it: one pure decision from what the broker and the roster say; asks nobody, knows no clock."""

import re
from dataclasses import dataclass
from enum import StrEnum

from framework.identity import Incarnation
from framework.membership.group import Group, Member
from framework.membership.roster import Entry
from framework.membership.roster_view import RosterView, Seen


class Verdict(StrEnum):
    """What a process that wants to sit down finds.

    | verdict | meaning | what follows |
    |---|---|---|
    | FREE | nobody holds the seat, or whoever did has gone | join |
    | SELF | a former process of this very worker holds it | join |
    | HELD | another live process holds it | wait, or stop |
    | SUPERSEDED | the same, and it is newer than the process of ours that was fenced | wait, or stop |
    """

    FREE = "free"
    SELF = "self"
    HELD = "held"
    SUPERSEDED = "superseded"

    @property
    def may_join(self) -> bool:
        """Whether the seat can be taken without taking it from somebody."""
        return self in (Verdict.FREE, Verdict.SELF)


GHOSTS = 3
"""Fences in a row after which a member that the roster does not know is no longer taken for a ghost of our own."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a seat.

    Attributes:
        member_id: as the broker calls it; empty where it has not joined yet.
        client_id: of its process; of whoever sat down first in the seat where the roster does not know the member.
        host: its machine; None where nothing says it.
        pid: process id there; None where nothing says it.
        start_ms: start of its process, milliseconds since 1970; None where nothing says it.
        standby_id: its instance id in the standby group, if it has come from there; empty where not.
    """

    member_id: str
    client_id: str
    host: str | None = None
    pid: int | None = None
    start_ms: int | None = None
    standby_id: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the roster says who it is."""
        return self.pid is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks.

    Attributes:
        group_instance_id: the seat.
        incarnation: the process that wants it.
        service: its service.
        lineage: client ids of the processes that its supervisor had in this seat before.
        members: member ids that those processes were given.
        fenced: the one of them that was fenced last, if nobody has got the seat back since.
        fences: how often in a row they were fenced or denied the seat.
        has_unanswered_join: whether the last of them ended while the broker had yet to answer its join.
        is_first_look: whether this process looks for the first time.
        boot_id: of this machine, see `identity.boot_id`.
    """

    group_instance_id: str
    incarnation: Incarnation
    service: str
    lineage: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    fenced: Incarnation | None = None
    fences: int = 0
    has_unanswered_join: bool = False
    is_first_look: bool = True
    boot_id: str = ""

    @property
    def is_first(self) -> bool:
        """Whether the supervisor has just been started, and has had no process in this seat yet."""
        return not self.lineage


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and who holds the seat if somebody does."""

    verdict: Verdict
    holder: Holder | None = None


def judge(claim: Claim, group: Group, roster: RosterView | None, now: float) -> Judgement:
    """Decide whether `claim` may sit down.

    Nobody takes a seat from a live process, with one exception: a supervisor that has just been started takes it from
    the process of the same service on the same host that is there already, which is how a restart with overlap looks.
    A process that was fenced never takes it back from the living, and neither does one whose supervisor has given up
    and was started again, so two of them cannot fight.

    Who holds the seat is told by the member id. The client id that the coordinator shows is that of the process which
    sat down first: a static member that is replaced keeps everything but its member id (Apache Kafka, ClassicGroup).

    Args:
        claim: who asks.
        group: as the coordinator describes it.
        roster: what the workers say; None if it cannot be read just now, or silence in it proves nothing.
        now: monotonic seconds, as in the roster.
    """
    member = group.in_seat(claim.group_instance_id)
    if is_own(claim, group):
        return Judgement(Verdict.SELF, holder_of(member, None))
    if roster is None:
        return Judgement(Verdict.FREE) if member is None else _unknown(claim, member, is_roster_silent=False)
    seen = roster.member(claim.group_instance_id, member.member_id) if member is not None else None
    strangers = [s for s in roster.all_live(claim.group_instance_id, now) if s.entry.client_id not in claim.lineage]
    if strangers:
        nearest = seen if seen in strangers else strangers[-1]
        holder = holder_of(member if seen is nearest else None, nearest)
        gave_up = roster.has_given_up(claim.group_instance_id, claim.incarnation.host, holder.client_id, now)
        return Judgement(_between(claim, nearest.entry, gave_up=gave_up), holder)
    if member is None:
        return Judgement(Verdict.FREE)
    if seen is None:
        return _unknown(claim, member, is_roster_silent=True)
    if seen.entry.client_id in claim.lineage:
        return Judgement(Verdict.SELF, holder_of(member, seen))
    # It said that it has gone, or has not said anything for long: only its session is left.
    return Judgement(Verdict.FREE, holder_of(member, seen))


def is_own(claim: Claim, group: Group) -> bool:
    """Whether a process of the same supervisor is still a member in the seat; nothing else needs to be asked then."""
    member = group.in_seat(claim.group_instance_id)
    return member is not None and member.member_id in claim.members


def _between(claim: Claim, entry: Entry, *, gave_up: bool) -> Verdict:
    """The verdict about a live process of somebody else's."""
    is_here = entry.incarnation.host == claim.incarnation.host and (
        claim.boot_id == entry.boot_id or not claim.boot_id or not entry.boot_id
    )
    # A spare that has taken the seat over is no predecessor of ours, also where it is on the same machine.
    is_spare = bool(entry.standby_id) and not entry.is_standby
    is_predecessor = is_here and entry.service == claim.service and not is_spare
    if claim.is_first and is_predecessor and not gave_up:
        return Verdict.SELF
    is_newer = claim.fenced is not None and entry.incarnation.start_ms >= claim.fenced.start_ms
    return Verdict.SUPERSEDED if is_newer else Verdict.HELD


def _unknown(claim: Claim, member: Member, *, is_roster_silent: bool) -> Judgement:
    """The verdict about a member that the roster does not know, or that it cannot be asked about.

    A lone worker can fence itself: the broker may take a join of its own that was sent twice for a second process
    (KAFKA-20985). That ghost never writes to the roster, while a process of this framework has done so by the time that
    it has fenced us. Clients of other kinds write nothing either, so this is believed only a few times in a row, and
    only by a process that has not waited yet.
    """
    holder = holder_of(member, None)
    if claim.has_unanswered_join:
        return Judgement(Verdict.SELF, holder)
    if claim.fenced is not None:
        is_ghost = is_roster_silent and claim.is_first_look and claim.fences <= GHOSTS
        return Judgement(Verdict.SELF if is_ghost else Verdict.SUPERSEDED, holder)
    is_here = claim.is_first and holder.host == claim.incarnation.host
    return Judgement(Verdict.SELF if is_here else Verdict.HELD, holder)


_CLIENT_ID = re.compile(r"[^@]+@(?P<host>.+)#(?P<start_ms>\d+)-[0-9a-f]+")


def holder_of(member: Member | None, seen: Seen | None) -> Holder:
    """What the coordinator and a roster entry say about one process; either may be missing."""
    member_id = member.member_id if member is not None else ""
    if seen is not None:
        entry = seen.entry
        return Holder(
            member_id or entry.member_id,
            entry.client_id,
            entry.incarnation.host,
            entry.incarnation.pid,
            entry.incarnation.start_ms,
            entry.standby_id,
        )
    if member is None:
        return Holder("", "")
    match = _CLIENT_ID.fullmatch(member.client_id)
    host = match["host"] if match else member.client_host.lstrip("/") or None
    return Holder(member.member_id, member.client_id, host)

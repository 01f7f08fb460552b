"""Whose seat is it: one pure decision from what the broker and the roster say; asks nobody, knows no clock."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from framework.identity import Incarnation
from framework.membership.group import Group
from framework.membership.roster import RosterView, Seen


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


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a seat.

    Attributes:
        client_id: as the broker shows it.
        host: its machine, or the address it connects from where its client id does not say.
        pid: process id there; None unless the roster says it.
        start_ms: start of that process, milliseconds since 1970; None where nothing says it.
    """

    client_id: str
    host: str
    pid: int | None = None
    start_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks.

    Attributes:
        group_instance_id: the seat.
        incarnation: the process that wants it.
        service: its service.
        lineage: client ids of the processes that its supervisor ran in this seat before.
        fenced: the one of them that was fenced last; None if none was.
        is_first: whether the supervisor has just been started, and has had no process in this seat yet.
    """

    group_instance_id: str
    incarnation: Incarnation
    service: str
    lineage: frozenset[str] = field(default_factory=frozenset)
    fenced: Incarnation | None = None
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and who holds the seat if somebody does."""

    verdict: Verdict
    holder: Holder | None = None


def judge(claim: Claim, group: Group | None, roster: RosterView | None, now: float) -> Judgement:
    """Decide whether `claim` may sit down.

    Nobody takes a seat from a live process, with one exception: a supervisor that has just been started takes it from
    the process of the same service on the same host that is there already, which is how a restart with overlap looks.
    A process that was fenced never takes it back from the living, so two of them cannot fight.

    Args:
        claim: who asks.
        group: as the coordinator describes it; None if that could not be had.
        roster: what the workers say; None if it cannot be read just now.
        now: monotonic seconds, as in the roster.
    """
    member = group.in_seat(claim.group_instance_id) if group is not None else None
    seen = roster.live(claim.group_instance_id, now) if roster is not None else None
    if member is not None:
        own = roster.of(claim.group_instance_id, member.client_id) if roster is not None else None
        if own is not None and not own.is_alive(now):
            # It said that it has gone, or has not said anything for long: only its session is left.
            member = None
        else:
            seen = own
    if member is None and seen is None:
        return Judgement(Verdict.FREE)
    client_id = member.client_id if member is not None else seen.entry.client_id if seen is not None else ""
    holder = holder_of(client_id, member.client_host if member is not None else "", seen)
    return Judgement(_between(claim, holder, seen), holder)


def _between(claim: Claim, holder: Holder, seen: Seen | None) -> Verdict:
    if holder.client_id in claim.lineage:
        return Verdict.SELF
    if claim.fenced is not None:
        is_newer = holder.start_ms is None or holder.start_ms >= claim.fenced.start_ms
        return Verdict.SUPERSEDED if is_newer else Verdict.HELD
    same_service = seen is None or seen.entry.service == claim.service
    if claim.is_first and same_service and holder.host == claim.incarnation.host:
        return Verdict.SELF
    return Verdict.HELD


_CLIENT_ID = re.compile(r"[^@]+@(?P<host>.+)#(?P<start_ms>\d+)-[0-9a-f]+")


def holder_of(client_id: str, client_host: str = "", seen: Seen | None = None) -> Holder:
    """Put together what a client id, an address and a roster entry say about one process."""
    if seen is not None:
        incarnation = seen.entry.incarnation
        return Holder(client_id, incarnation.host, incarnation.pid, incarnation.start_ms)
    if match := _CLIENT_ID.fullmatch(client_id):
        return Holder(client_id, match["host"], None, int(match["start_ms"]))
    return Holder(client_id, client_host.lstrip("/") or "an unknown host")

"""Which seats of a group stay when it is scaled, and when a step of that is over; pure, asks nobody."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from framework.membership.group import Group
from framework.membership.offsets import Partition
from framework.membership.roster import Entry

_NUMBER_AT_END = re.compile(r"\d+$", re.ASCII)
_DIGITS = re.compile(r"(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `framework scale` is going to do.

    Attributes:
        count: workers wanted.
        stays: seats that are kept, lowest rank first.
        leaves: seats whose live worker is to leave, highest rank first.
        removed: seats of dead workers, to be taken out of the group, highest rank first.
        silent: seats among `stays` whose worker is dead: each rebalance waits for them.
        dynamic: client ids of the members without a seat; scaling leaves them alone.
    """

    count: int
    stays: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """Every surplus seat in the order in which it goes: the dead first, because a rebalance waits for them."""
        return self.removed + self.leaves

    @property
    def missing(self) -> int:
        """Workers that are still to be started."""
        return max(0, self.count - len(self.stays))


def plan(group: Group, roster: Mapping[str, Entry], live: Collection[str], count: int) -> Plan:
    """Decide who stays and who goes.

    Args:
        group: as the coordinator describes it.
        roster: `{seat: newest entry}`.
        live: seats with a live process, be it in the group or about to join.
        count: workers wanted, at least 1.
    """
    seats = ranked(group.seats | {seat for seat in roster if seat in live}, roster)
    stays, surplus = seats[:count], seats[count:][::-1]
    return Plan(
        count=count,
        stays=tuple(stays),
        leaves=tuple(seat for seat in surplus if seat in live),
        removed=tuple(seat for seat in surplus if seat not in live),
        silent=tuple(seat for seat in stays if seat not in live),
        dynamic=tuple(member.client_id for member in group.members if member.group_instance_id is None),
    )


def ranked(seats: Iterable[str], roster: Mapping[str, Entry]) -> list[str]:
    """Seats from the lowest rank to the highest.

    By the worker's own number where the roster has that of all; else by the number at the end of the instance id where
    all have one; else in natural order, `w-2` before `w-10`. Natural order also decides between equal numbers, and
    between `w-1` and `w-01`, which have the same place in it, the characters.
    """
    found = list(seats)
    ordinals = {seat: roster[seat].ordinal for seat in found if seat in roster}
    numbers = {seat: int(match[0]) for seat in found if (match := _NUMBER_AT_END.search(seat))}
    for ranks in (ordinals, numbers):
        if all(ranks.get(seat) is not None for seat in found):
            return sorted(found, key=lambda seat: (ranks[seat] or 0, _natural(seat)))
    return sorted(found, key=_natural)


def _natural(seat: str) -> tuple[tuple[tuple[int, str], ...], str]:
    parts = _DIGITS.split(seat)
    return tuple((int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)), seat


def unowned(group: Group, partition_counts: Mapping[str, int]) -> frozenset[Partition]:
    """Partitions of subscribed topics that no member has.

    Args:
        group: as the coordinator describes it.
        partition_counts: `{topic: number of partitions}`; a topic that is missing does not exist.
    """
    subscribed = {topic for member in group.members for topic in member.subscription}
    owned = {
        Partition(topic, number)
        for member in group.members
        for topic, numbers in member.assignment.items()
        for number in numbers
    }
    wanted = {Partition(topic, number) for topic in subscribed for number in range(partition_counts.get(topic, 0))}
    return frozenset(wanted - owned)


@dataclass(frozen=True, slots=True)
class Scene:
    """A group and its workers at one moment.

    Attributes:
        group: as the coordinator describes it.
        roster: `{seat: newest entry}` of the live workers.
        partition_counts: `{topic: number of partitions}` of the subscribed topics.
    """

    group: Group
    roster: Mapping[str, Entry]
    partition_counts: Mapping[str, int]

    @property
    def generation_id(self) -> int:
        """The highest generation that a live worker has joined; -1 for none."""
        return max((entry.generation_id for entry in self.roster.values()), default=-1)


def unsettled(scene: Scene, *, without: str | None = None, after: int | None = None) -> tuple[str, ...]:
    """What is missing until everybody works again, a clause each; empty if nothing is.

    Args:
        scene: how it is now.
        without: the seat that is to be gone.
        after: the generation before; every live worker has to have joined a newer one. None where any will do.
    """
    return tuple(_unsettled(scene, without, after))


def _unsettled(scene: Scene, without: str | None, after: int | None) -> Iterable[str]:
    group = scene.group
    if without is not None and without in group.seats:
        yield f"seat {without} is still in the group"
    if not group.is_stable and (group.members or group.state != "Empty"):
        yield f"the group is {group.state}, not Stable"
        return
    if nobody := unowned(group, scene.partition_counts):
        yield f"nobody has {shortened(sorted(f'{topic}[{number}]' for topic, number in nobody))}"
    entries = {seat: entry for seat, entry in scene.roster.items() if seat in group.seats and seat != without}
    newest = max((entry.generation_id for entry in entries.values()), default=-1)
    behind = [
        seat
        for seat, entry in entries.items()
        if entry.generation_id < newest or (after is not None and entry.generation_id <= after)
    ]
    if behind:
        yield f"{shortened(ranked(behind, entries))} did not join the new generation yet"


def shortened(names: Collection[str], most: int = 5) -> str:
    """Names for a sentence: the first ones, and how many more there are."""
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

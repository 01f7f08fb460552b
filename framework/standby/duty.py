"""Which seats a standby shadows, what has to be read for that, and whether it can be; pure, asks nobody."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from framework.membership.group import Group
from framework.membership.scaling import ranked, shortened


def duty(own_id: str, standby_ids: Iterable[str], seats: Sequence[str]) -> tuple[str, ...]:
    """The seats that one standby shadows: of M standbys number k has each seat i with i mod M = k.

    Both are counted in the order of `ranked`, so that all standbys that see the same come to the same.

    Args:
        own_id: its instance id in the standby group.
        standby_ids: those of all live standbys; its own may be missing.
        seats: of the primary group.
    """
    standbys = ranked({*standby_ids, own_id}, {})
    return tuple(ranked(set(seats), {})[standbys.index(own_id) :: len(standbys)])


def wishes(seats: Iterable[str], group: Group, changelogs: Collection[str] | None = None) -> dict[str, tuple[int, ...]]:
    """The partitions that the owners of some seats are active for, `{topic: partitions}`.

    Args:
        seats: of the primary group; those without a member that has an assignment add nothing.
        group: the primary group as its coordinator describes it.
        changelogs: topics that count, `Shadow.changelogs` is meant; None: all, and `Shadow.follow` leaves others out.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for seat in seats:
        member = group.in_seat(seat)
        for topic, partitions in (member.actives if member is not None else {}).items():
            if partitions and (changelogs is None or topic in changelogs):
                found[topic].update(partitions)
    return {topic: tuple(sorted(partitions)) for topic, partitions in sorted(found.items())}


def differences(changelogs: Collection[str], group: Group) -> str:
    """Say which tables the primary group has and this code has not, or the other way round; empty if they agree.

    Args:
        changelogs: names of the changelog topics of the tables in this code.
        group: the primary group as its coordinator describes it; one without members differs in nothing.
    """
    subscribed = {topic for member in group.members for topic in member.subscription}
    if not subscribed:
        return ""
    own = f"{group.group_id}-"
    theirs = {topic for topic in subscribed if topic.startswith(own) and topic.removeprefix(own).endswith("-changelog")}
    ours = set(changelogs)
    parts = []
    if missing := sorted(theirs - ours):
        parts.append(f"group {group.group_id} has tables that this code has not: {shortened(missing)}")
    if extra := sorted(ours - subscribed):
        parts.append(f"this code has tables that group {group.group_id} has not: {shortened(extra)}")
    return "; ".join(parts)

"""The history of one group and the figures read from it; no clock, no Kafka."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.support.group_records import CommitRecord, GroupRecord


def generations_spent(records: Sequence[GroupRecord]) -> int:
    """GEN: last minus first generation."""
    return records[-1].generation - records[0].generation if records else 0


def replacements(records: Iterable[GroupRecord]) -> int:
    """REPL: how often an instance got a new member id while the generation stayed the same."""
    return sum(
        1
        for before, after in pairwise(records)
        if before.generation == after.generation
        for instance, member_id in _member_ids(after).items()
        if _member_ids(before).get(instance, member_id) != member_id
    )


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody sat down in a seat: with which member id, and when, wall clock of the broker in seconds.

    The client id would not tell who: the coordinator keeps that of the first one for all that replace it.
    """

    member_id: str
    at: float


def joins(records: Sequence[GroupRecord], group_instance_id: str) -> list[Joined]:
    """Each JoinGroup by which a seat got another member id, whatever the generation; the first record only counts from.

    The broker accepts every JoinGroup that names an instance and no member id, so none of a new process is missing.
    """
    return [
        Joined(member.member_id, after.timestamp)
        for before, after in pairwise(records)
        for member in after.members
        if member.group_instance_id == group_instance_id
        if _member_ids(before).get(group_instance_id) != member.member_id
    ]


def regressions(commits: Iterable[CommitRecord]) -> list[tuple[CommitRecord, CommitRecord]]:
    """Pairs (before, after) where a partition's commit went back or was deleted."""
    latest: dict[tuple[str, int], CommitRecord] = {}
    found = []
    for commit in commits:
        before = latest.get((commit.topic, commit.partition))
        if before and before.offset is not None and (commit.offset is None or commit.offset < before.offset):
            found.append((before, commit))
        latest[commit.topic, commit.partition] = commit
    return found


def _member_ids(record: GroupRecord) -> dict[str, str]:
    return {m.group_instance_id: m.member_id for m in record.members if m.group_instance_id is not None}


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """The records of one group, oldest first."""

    groups: tuple[GroupRecord, ...] = ()
    commits: tuple[CommitRecord, ...] = ()

    @property
    def last(self) -> GroupRecord | None:
        """The group as it is now; None before its first record."""
        return self.groups[-1] if self.groups else None

    def committed(self, topic: str) -> dict[int, int]:
        """{partition: last committed offset} of a topic."""
        return {c.partition: c.offset for c in self.commits if c.topic == topic and c.offset is not None}

    def since(self, before: "GroupHistory") -> "GroupHistory":
        """What was written after `before` was read; starts with the group's state at that moment."""
        start = max(0, len(before.groups) - 1)
        return GroupHistory(self.groups[start:], self.commits[len(before.commits) :])

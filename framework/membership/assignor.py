"""Faust's assignor, plus what the leader knew when it assigned; knows nothing of when to join.

A static member that comes back is handed the assignment that the leader made long ago, perhaps for other topics and
fewer partitions (KAFKA-12759). So the leader writes into each assignment the subscription and the partition counts it
was made for, and each member can tell by itself whether the assignment still fits.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from faust.assignor.partition_assignor import PartitionAssignor

_EXTRA = "framework"
"""Key of our part in Faust's user data; plain Faust members carry it along without looking."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an assignment was made for.

    Attributes:
        subscription: the topics this member had asked for.
        partitions: `{topic: number of partitions}` as the leader saw them; topics that did not exist yet are missing.
        is_complete: False if the leader runs plain Faust: then only topics are known, and only those that existed.
        url: where this member's pages were then; the other members look for them there.
    """

    subscription: frozenset[str] = frozenset()
    partitions: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True
    url: str = ""

    @classmethod
    def from_user_data(cls, user_data: Mapping[str, Any]) -> "Basis":
        """Read it from an assignment; a leader that runs plain Faust names the topics, without their partitions."""
        extra = user_data.get(_EXTRA)
        url = str(user_data.get("url", ""))
        if extra is None:
            return cls(frozenset(user_data.get("topic_groups") or ()), is_complete=False, url=url)
        return cls(frozenset(extra["subscription"]), extra["partitions"], url=url)


def why_stale(
    basis: Basis, subscription: Iterable[str], partitions: Mapping[str, int], url: str | None = None
) -> str | None:
    """Say why an assignment does not fit this member any more, or None if it does.

    Args:
        basis: what the leader assigned for.
        subscription: topics this member asks for now.
        partitions: `{topic: number of partitions}` as this member sees them now.
        url: where this member's pages are now; None if it has none.
    """
    wanted = set(subscription)
    missing = sorted(wanted - basis.subscription)
    if not basis.is_complete:
        missing = [topic for topic in missing if partitions.get(topic)]
    if missing:
        return f"the assignment was made before this member subscribed to {', '.join(missing)}"
    if url is not None and basis.url != url:
        return f"the assignment was made when this member's pages were at {basis.url or 'another address'}"
    if not basis.is_complete:
        return None
    if extra := sorted(basis.subscription - wanted):
        return f"the assignment was made when this member still subscribed to {', '.join(extra)}"
    grown = sorted(topic for topic in wanted if partitions.get(topic, 0) > basis.partitions.get(topic, 0))
    if grown:
        return f"partitions were added to {', '.join(grown)}"
    return None


class SeatAssignor(PartitionAssignor):
    """Faust's partition assignor under Faust's name and version, so that both can share a group."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        super().__init__(app, replicas=replicas)
        self._nonce = ""
        self._basis: dict[str, dict[str, Any]] = {}

    def renew(self) -> None:
        """Change the bytes of the next join.

        The broker answers a follower that joins with unchanged bytes from what it has stored, without a rebalance.
        """
        self._nonce = uuid.uuid4().hex

    def metadata(self, topics: set[str]) -> Any:
        """What this member tells the leader: Faust's user data and the nonce."""
        metadata = super().metadata(topics)
        return type(metadata)(
            metadata.version, metadata.subscription, _with_extra(metadata.user_data, {"nonce": self._nonce})
        )

    def created_topics(self) -> set[str]:
        """The changelogs of this app's tables; each is created, or found, before its member joins."""
        return set(self.app.tables.changelog_topics) if self.app.conf.topic_allow_declare else set()

    def assign(self, cluster: Any, member_metadata: Mapping[str, Any]) -> Any:
        """Assign as the group's leader; notes for each member what the assignment was made for."""
        topics = {topic for metadata in member_metadata.values() for topic in metadata.subscription}
        counts = {topic: len(found) for topic in topics if (found := cluster.partitions_for_topic(topic))}
        self._basis = {
            member_id: {
                "subscription": sorted(metadata.subscription),
                "partitions": {topic: counts[topic] for topic in metadata.subscription if topic in counts},
            }
            for member_id, metadata in member_metadata.items()
        }
        assignments = super().assign(cluster, member_metadata)
        return {member_id: self._annotated(member_id, found) for member_id, found in assignments.items()}

    def _annotated(self, member_id: str, assignment: Any) -> Any:
        user_data = _with_extra(self._decompress(assignment.user_data), self._basis[member_id])
        return type(assignment)(assignment.version, assignment.assignment, self._compress(user_data))

    def _global_table_standby_assignments(self, assignments: Any, partitions_by_topic: Mapping[str, int]) -> Any:
        """Called by Faust; a global table whose changelog does not exist yet is empty, and no reason to fail.

        The leader watches the topics, and assigns again when it turns up.
        """
        changelogs = self.app.tables.changelog_topics
        known = dict.fromkeys(changelogs, 0) | dict(partitions_by_topic)
        assigned = super()._global_table_standby_assignments(assignments, known)
        for each in assigned.values():
            for topic in changelogs - partitions_by_topic.keys():
                each.actives.pop(topic, None)
                each.standbys.pop(topic, None)
        return assigned

    def on_assignment(self, assignment: Any) -> None:
        """Take an assignment in, also one that was made when this seat had another address.

        Faust asserts that the address is still the same, and a changed port would end the worker.
        """
        user_data = orjson.loads(self._decompress(assignment.user_data))
        user_data["url"] = str(self.app.conf.canonical_url)
        data = self._compress(orjson.dumps(user_data))
        super().on_assignment(type(assignment)(assignment.version, assignment.assignment, data))

    @property
    def pages_url(self) -> str | None:
        """Where this member's pages are; None if the app has none."""
        return str(self.app.conf.canonical_url) if self.app.has_pages else None

    def why_unfit(self, assignment: Any, subscription: Iterable[str], partitions: Mapping[str, int]) -> str | None:
        """Say why a decoded assignment does not fit this member any more; see `why_stale`."""
        return why_stale(self.basis_of(assignment), subscription, partitions, self.pages_url)

    def counts_in(self, assignment: Any) -> Mapping[str, int]:
        """`{topic: number of partitions}` as the leader saw them when it made a decoded assignment."""
        return self.basis_of(assignment).partitions

    def basis_of(self, assignment: Any) -> Basis:
        """What a decoded member assignment was made for."""
        return Basis.from_user_data(orjson.loads(self._decompress(assignment.user_data)))


def _with_extra(user_data: bytes, extra: Mapping[str, Any]) -> bytes:
    return orjson.dumps({**orjson.loads(user_data), _EXTRA: extra})

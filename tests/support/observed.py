"""A group at work, seen from outside: its outputs, what the coordinator wrote down, and the figures of both."""

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from framework.testing import eventually
from tests.support.figures import Output, both_emitting, duplicates_on, owners, recovery
from tests.support.group_history import GroupHistory, Joined, generations_spent, joins, replacements
from tests.support.group_log import GroupLog
from tests.support.ledger import Ledger
from tests.support.workers import WorkerProcess

PARTITIONS = 8
RECOVERED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: monotonic seconds, wall clock, the group's history and the number of outputs until then."""

    at: float
    wall: float
    history: GroupHistory
    outputs: int


class Observed:
    """The group `name`, its input topic `<name>-in` and its output topic `<name>-out`, which must exist."""

    def __init__(self, name: str, bootstrap_servers: str) -> None:
        self.group_id = name
        self.topic = f"{name}-in"
        self.ledger = Ledger(bootstrap_servers, f"{name}-out")
        self._group_log = GroupLog(bootstrap_servers, name)

    def close(self) -> None:
        """Stop looking."""
        self.ledger.close()
        self._group_log.close()

    # --- now ------------------------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """Remember this moment."""
        return Mark(time.monotonic(), time.time(), self.history(), len(self.ledger.outputs()))

    def outputs(self, since: Mark | None = None) -> list[Output]:
        """The outputs for the input topic, in order of emission."""
        outputs = self.ledger.outputs()[since.outputs if since else 0 :]
        return [output for output in outputs if output.topic == self.topic]

    def history(self, since: Mark | None = None) -> GroupHistory:
        """What the coordinator wrote down about the group; from the state at `since` on."""
        history = self._group_log.read()
        return history.since(since.history) if since else history

    def assignment(self) -> dict[str, set[int]]:
        """{group instance id, or member id of a dynamic member: its partitions of the input topic}."""
        last = self.history().last
        return {
            member.group_instance_id or member.member_id: {p for topic, p in member.assigned if topic == self.topic}
            for member in (last.members if last else ())
        }

    def leader(self) -> str:
        """Instance id of the group's leader."""
        last = self.history().last
        assert last is not None, "the group has no members yet"
        return next(m.group_instance_id for m in last.members if m.member_id == last.leader and m.group_instance_id)

    def follower(self) -> str:
        """Instance id of a member that does not lead."""
        return next(instance for instance in self.assignment() if instance != self.leader())

    def emitting_for(self, since: Mark) -> dict[str, set[int]]:
        """{worker: the input partitions that it emitted for}; what was on its way to the ledger then is left out."""
        emitting: dict[str, set[int]] = defaultdict(set)
        for output in self.outputs(since):
            if output.emitted > since.at:
                emitting[output.worker].add(output.partition)
        return dict(emitting)

    def emitter(self, worker: WorkerProcess) -> int:
        """Process id of the worker that emitted last under a label."""
        return next(output.pid for output in reversed(self.outputs()) if output.worker == worker.label)

    def last_emitted(self, worker: WorkerProcess) -> float:
        """When a worker emitted last, by any process that its supervisor started; monotonic seconds."""
        return max(o.emitted for o in self.outputs() if o.worker == worker.label and o.emitted >= worker.started)

    # --- waiting --------------------------------------------------------------------------------------------------

    def steady(self, members: int, within: float = 30.0) -> Mark:
        """Wait until the group has so many members, owns every partition between them and emits for each."""
        eventually(lambda: self._is_owned_by(members), within=within)
        since = self.mark()
        eventually(lambda: set(range(PARTITIONS)) <= set(owners(self.outputs(since))), within=within)
        return self.mark()

    def first_output(self, worker: WorkerProcess, within: float = 20.0) -> float:
        """Seconds from the start of a process to its first output; waits for it."""

        def first() -> float | None:
            # Not when the ledger saw it: that it may be late is not the worker's affair.
            times = (o.emitted for o in self.outputs() if o.worker == worker.label and o.emitted >= worker.started)
            return next(times, None)

        return eventually(first, within=within) - worker.started

    def emits_after(self, worker: WorkerProcess, since: float, within: float) -> float:
        """Wait until a process of a worker emits something later than `since`; returns how many seconds later."""

        def first() -> float | None:
            emitted = (o.emitted for o in self.outputs() if o.worker == worker.label and o.emitted > since)
            return next(emitted, None)

        return eventually(first, within=within) - since

    def recovery(self, since: float, partitions: Iterable[int], not_by: Iterable[int] = ()) -> float:
        """REC: wait for an output on every one of `partitions`, by other processes than `not_by`.

        Returns:
            Seconds from `since` until the last of the partitions had its output.
        """
        affected, dead = list(partitions), set(not_by)

        def recovered() -> float | None:
            seconds = recovery(self.outputs(), since, affected, dead)
            return seconds if math.isfinite(seconds) else None

        return eventually(recovered, within=RECOVERED_WITHIN)

    def commits_advance(self, since: Mark, within: float) -> None:
        """Wait until the commit of every partition is past where it was.

        Raises:
            AssertionError: some stand still; the message has `{partition: offset}`, -1 where there is no commit.
        """
        before = since.history.committed(self.topic)

        def standing() -> dict[int, int]:
            # Of all partitions: one of which nothing was ever committed stands still, too.
            now = self.history().committed(self.topic)
            return {p: now.get(p, -1) for p in range(PARTITIONS) if now.get(p, -1) <= before.get(p, -1)}

        end = time.monotonic() + within
        while (stuck := standing()) and time.monotonic() < end:
            time.sleep(0.1)
        assert not stuck, f"commits stand still for {within} s: {stuck}"

    def commits_advance_for(self, seconds: float, each: float) -> None:
        """Make sure that over so many seconds the commit of every partition advances within `each` seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.commits_advance(self.mark(), within=each)
            time.sleep(0.5)

    # --- figures --------------------------------------------------------------------------------------------------

    def generations_spent(self, since: Mark) -> int:
        """GEN."""
        return generations_spent(self.history(since).groups)

    def replacements(self, since: Mark) -> int:
        """REPL."""
        return replacements(self.history(since).groups)

    def replaced_at(self, since: Mark) -> float:
        """When the first replacement was written down; monotonic seconds, to a few milliseconds."""
        groups = self.history(since).groups
        first = next(groups[n] for n in range(1, len(groups)) if replacements(groups[n - 1 : n + 1]))
        return since.at + first.timestamp - since.wall

    def joins(self, group_instance_id: str, since: Mark) -> list[Joined]:
        """Who sat down in a seat since then, in order."""
        return joins(self.history(since).groups, group_instance_id)

    def duplicates(self, partitions: Collection[int] = range(PARTITIONS)) -> int:
        """DUP, of some partitions or of all."""
        return duplicates_on(self.outputs(), partitions)

    def both_emitting(self) -> float:
        """OWN."""
        return both_emitting(self.outputs())

    def _is_owned_by(self, members: int) -> bool:
        assignment = self.assignment()
        owned: set[int] = set().union(*assignment.values())
        return len(assignment) == members and set(range(PARTITIONS)) <= owned

"""One scenario: a group of real workers under load, faults, and the judgement that every scenario shares."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from framework.testing import eventually
from tests.support import ghost, topics
from tests.support.command import Finished, run_command
from tests.support.figures import Acked, owners
from tests.support.ghost import Seat
from tests.support.load import Load
from tests.support.observed import PARTITIONS, Mark, Observed
from tests.support.verdict import complaints, uncommitted
from tests.support.workers import Exit, WorkerProcess, clean_environment, dynamic

DRAIN = 30.0
LAST_STOP_WITHIN = 12.0
LOG_LINES = 40

KILL_WINDOW = 250
"""Duplicates that a kill may cost: rate a worker x 2 s + 100."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a scenario is set up; times in seconds.

    Attributes:
        workers: instance ids, one worker each.
        session: session timeout of the members.
        rate: records a second.
        dynamic: labels of the workers that have no instance id.
        environment: further variables for every worker.
        service: where set, the workers are numbered: their ids are `<service>-<n>`, and `n` is their ordinal.
        standbys: instance ids of the workers of the standby group.
    """

    workers: tuple[str, ...] = ("w0", "w1", "w2")
    session: float = 10.0
    rate: float = 200.0
    dynamic: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    standbys: tuple[str, ...] = ()


class Scenario(Observed):
    """A context manager: on entry workers and load start; on exit nothing of it is left.

    Args:
        name: of the group; topics are `<name>-in`, `<name>-extra` and `<name>-out`.
        bootstrap_servers: where the brokers are.
        folder: for logs and data.
        plan: how it is set up.
    """

    def __init__(self, name: str, bootstrap_servers: str, folder: Path, plan: Plan) -> None:
        topics.create_topics(
            bootstrap_servers, {f"{name}-in": PARTITIONS, f"{name}-extra": PARTITIONS, f"{name}-out": 1}
        )
        super().__init__(name, bootstrap_servers)
        self.extra_topic = f"{name}-extra"
        self.plan = plan
        self.load = Load(bootstrap_servers, self.topic, PARTITIONS, plan.rate)
        self.bootstrap_servers = bootstrap_servers
        self._folder = folder
        self._workers: dict[str, WorkerProcess] = {}
        self._all: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        for label in (*self.plan.workers, *self.plan.standbys):
            self.start(label)
        self.load.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self._report())
        for worker in self._all:
            if worker.family():
                worker.kill()
        self.load.stop()
        self.close()

    # --- workers --------------------------------------------------------------------------------------------------

    def start(self, label: str, **environment: str) -> WorkerProcess:
        """Start a worker; `label` is its instance id, unless it is a dynamic one or `environment` says otherwise."""
        complete = {**self._environment(label), **environment}
        worker = WorkerProcess(label, dynamic(complete) if label in self.plan.dynamic else complete, self._folder)
        self._workers[label] = worker
        self._all.append(worker)
        return worker

    def worker(self, label: str) -> WorkerProcess:
        """The newest process of a label."""
        return self._workers[label]

    def restart(self, label: str, stop_within: float = 5.0, **environment: str) -> tuple[Exit, float]:
        """SIGTERM a worker, start it again, and wait for its first output.

        Returns:
            How it ended, and the seconds from its start to its first output.
        """
        ended = self.worker(label).terminate(stop_within)
        return ended, self.first_output(self.start(label, **environment))

    def stop_together(self, *labels: str, within: float) -> dict[str, Exit]:
        """SIGTERM several workers at once: how each ended."""
        for label in labels:
            self.worker(label).send(signal.SIGTERM)
        return {label: self.worker(label).wait(within) for label in labels}

    def start_beside(self, label: str, seat: str, **environment: str) -> WorkerProcess:
        """Start one more worker for a seat that may be taken."""
        return self.start(label, **environment, FRAMEWORK_INSTANCE_ID=seat)

    def command(self, *arguments: str, within: float = 30.0, **environment: str) -> Finished:
        """Run `framework ARGUMENTS` against the brokers and the app of this scenario."""
        return run_command(arguments, {**self._common_environment(), **environment}, within)

    def still_alive(self, worker: WorkerProcess, for_seconds: float) -> None:
        """Make sure that a worker lives on for a while."""
        end = time.monotonic() + for_seconds
        while time.monotonic() < end:
            assert worker.is_alive, f"{worker.label} ended by itself"
            time.sleep(0.1)

    def all_steady(self, within: float = 30.0) -> Mark:
        """Wait until all workers are members, every partition emits, and what waited for them is done and committed.

        A load that begins before its workers leaves them more than a kill may cost: a worker that dies before its first
        commit has it done again.
        """
        self.steady(len(self.plan.workers), within)
        waited = self.load.ends(self.topic)
        eventually(lambda: self._committed_up_to(waited), within)
        return self.mark()

    def all_done(self, within: float = 30.0) -> None:
        """Wait until all that has come in so far has come out; what was to be done anew has come out again by then."""
        so_far = {acked.uuid for acked in self.load.inputs}
        eventually(lambda: so_far <= {output.uuid for output in self.ledger.outputs()}, within)

    def ghost_joins(self, seat: str) -> None:
        """Take a seat as a second join in flight of the process in it would, and send nothing more."""
        group = self.history().last
        assert group is not None, "the group is empty"
        assert group.protocol is not None, "the group has chosen no assignor"
        member = next(m for m in group.members if m.group_instance_id == seat)
        taken = Seat.of(self.group_id, group.protocol, member, self.plan.session)
        ghost.join(self.bootstrap_servers, taken, member.client_id)

    # --- standbys -------------------------------------------------------------------------------------------------

    def all_protected(self, within: float = 30.0) -> Mark:
        """Wait until every seat has a warm shadow that its owner has agreed with; then begin."""
        self.all_steady(within)
        # Until the last standby is there the others shadow its seats, too; then those are without a warm shadow anew.
        eventually(self._is_divided, within)
        eventually(lambda: self.command("standby", "status", "--group", self.group_id, "--check").code == 0, within)
        return self.mark()

    def _is_divided(self) -> bool:
        """Whether the standbys that live know of each other, and each shadows its own share of the seats."""
        living = [worker for label in self.plan.standbys if (worker := self.worker(label)).is_alive]
        told = [worker.events("standby.shadows")[-1:] for worker in living if worker.state() == "shadowing"]
        shares = [set(event["seats"]) for events in told for event in events if event["seats"]]
        # With more standbys than seats some have none, and may never have had one.
        is_complete = len(told) == len(living) and len(shares) == min(len(living), len(self.plan.workers))
        return is_complete and sum(map(len, shares)) == len(set().union(*shares))

    # --- topics ---------------------------------------------------------------------------------------------------

    def add_partitions(self, total: int) -> None:
        """Let the input topic grow."""
        topics.add_partitions(self.bootstrap_servers, self.topic, total)

    def delete_roster(self) -> None:
        """Delete the topic in which the workers say who sits where."""
        topics.delete_topic(self.bootstrap_servers, f"{self.group_id}-roster")

    def consumes(self, topic: str, partitions: int, within: float) -> None:
        """Send one record to each partition of a topic, and wait for all their outputs."""
        sent = {self.load.send(partition, topic=topic).uuid for partition in range(partitions)}
        eventually(lambda: sent <= {output.uuid for output in self.ledger.outputs()}, within=within)

    # --- the end --------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Stop the load, drain, stop the workers cleanly, then judge what every scenario requires.

        Raises:
            AssertionError: a requirement is broken; the message has them all.
        """
        inputs = self.load.stop()
        self._drain(inputs)
        living = [label for label, worker in self._workers.items() if worker.is_alive]
        ends = self.stop_together(*living, within=LAST_STOP_WITHIN)
        found = complaints(inputs, self.ledger.outputs(), self.history())
        found += [f"{label} ended with {end.code} on the last SIGTERM" for label, end in ends.items() if end.code]
        found += [f"{w.label}: processes left: {w.family()}" for w in self._all if w.family()]
        assert not found, "\n".join(found)

    def _drain(self, inputs: list[Acked]) -> None:
        # A drain that does not end in time is told by the judgement, which knows what is missing.
        end = time.monotonic() + DRAIN
        wanted = {acked.uuid for acked in inputs}
        while time.monotonic() < end:
            if wanted <= {o.uuid for o in self.ledger.outputs()} and not uncommitted(inputs, self.history()):
                return
            time.sleep(0.1)

    def _committed_up_to(self, ends: Mapping[int, int]) -> bool:
        committed = self.history().committed(self.topic)
        return all(committed.get(partition, 0) >= end for partition, end in ends.items())

    def _environment(self, label: str) -> dict[str, str]:
        return {**self._identity(label), **self._common_environment()}

    def _identity(self, label: str) -> dict[str, str]:
        if label in self.plan.standbys:
            return {"FRAMEWORK_ROLE": "standby", "FRAMEWORK_INSTANCE_ID": label}
        if not self.plan.service:
            return {"FRAMEWORK_INSTANCE_ID": label}
        number = label.removeprefix(f"{self.plan.service}-")
        return {"FRAMEWORK_SERVICE": self.plan.service, "FRAMEWORK_ORDINAL": number}

    def _common_environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "FRAMEWORK_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "FRAMEWORK_SESSION_TIMEOUT_MS": str(round(self.plan.session * 1000)),
            "FRAMEWORK_HEARTBEAT_INTERVAL_MS": "1000",
            "FRAMEWORK_COMMIT_INTERVAL": "1",
            "FRAMEWORK_MAX_IN_FLIGHT": "100",
            "FRAMEWORK_SHUTDOWN_GRACE": "10",
            "FRAMEWORK_DATADIR": str(self._folder / "data"),
            "SCENARIO_GROUP": self.group_id,
            "SCENARIO_IN": self.topic,
            "SCENARIO_EXTRA_TOPIC": self.extra_topic,
            "SCENARIO_OUT": f"{self.group_id}-out",
            **self.plan.environment,
        }

    def _report(self) -> str:
        emitting = owners(self.outputs())
        parts = [f"group: {self.history().last}", f"{{partition: process that emitted last}}: {emitting}"]
        for label, worker in self._workers.items():
            tail = "\n".join(worker.log().splitlines()[-LOG_LINES:])
            parts.append(f"--- {label} (alive: {worker.is_alive}), last lines of {worker.log_file}\n{tail}")
        return "\n".join(parts)


Rig = Callable[..., Scenario]
"""Makes the scenario of a test; takes the fields of `Plan`."""

"""A cluster that outlives the command that started it; its data folder is all that is known of it."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from framework.errors import LocalKafkaError
from framework.localkafka import ports
from framework.localkafka.java import Tools, find_runtime
from framework.localkafka.launch import launch, with_node
from framework.localkafka.local import STOP_GRACE, make_plan
from framework.localkafka.plan import Node, Plan
from framework.localkafka.process import is_running, stop_all
from framework.localkafka.state import State, forget_state, load_state, save_state, state_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to bring up.

    Attributes:
        folder: the data folder; made when missing.
        nodes: 1 or 3.
        port: of the first node; the others take the next ones.
        properties: `{server property: value}` on top of the defaults.
    """

    folder: Path
    nodes: int = 1
    port: int = 9092
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """What runs from a data folder: the state that was remembered, and which of its nodes are alive."""

    folder: Path
    state: State | None
    running: tuple[Node, ...]

    @property
    def is_up(self) -> bool:
        """Whether all nodes run."""
        return self.state is not None and len(self.running) == len(self.state.nodes)


def status(folder: Path) -> Status:
    """Look at a data folder.

    Raises:
        LocalKafkaError: its state file is damaged.
    """
    folder = folder.absolute()
    state = load_state(folder)
    nodes = state.nodes if state else ()
    plan = Plan(folder=folder, nodes=nodes)
    return Status(folder=folder, state=state, running=tuple(node for node in nodes if is_running(plan, node)))


def up(wanted: Wanted, tools: Tools) -> Status:
    """Start a cluster, detached, and wait until it takes requests; nothing happens when it is up already.

    Raises:
        JavaMissingError: Java or Maven is missing.
        PortTakenError: a port is in use.
        LocalKafkaError: it did not start, or the folder holds a cluster of another size. The folder is as it was,
            but for the log files.
    """
    folder = wanted.folder.absolute()
    before = status(folder)
    if before.is_up:
        return before
    plan = make_plan(folder, wanted.nodes, wanted.port, wanted.properties)
    _check_size(plan)
    runtime = find_runtime(tools)
    with _sole_user(folder):
        _stop(status(folder))
        ports.require_free(node.port for node in plan.nodes)
        try:
            with tools.progress("Starting Apache Kafka"):
                launch(runtime, plan, _Recorder(plan))
        except BaseException:
            forget_state(folder)
            raise
    return status(folder)


def down(folder: Path, *, purge: bool = False) -> Status:
    """Stop what runs from a data folder; with `purge` also remove what the cluster kept there.

    Returns:
        The status before.
    """
    before = status(folder)
    if before.folder.is_dir():
        with _sole_user(before.folder):
            _stop(before)
            if purge:
                _purge(before.folder)
    return before


def _stop(found: Status) -> None:
    stop_all(Plan(folder=found.folder, nodes=found.running), found.running, grace=STOP_GRACE)
    forget_state(found.folder)


def _purge(folder: Path) -> None:
    """Remove what is ours and leave what is not: the folder may be one that somebody uses for other things."""
    for ours in [*folder.glob("node-[0-9]"), folder / "logs"]:
        shutil.rmtree(ours, ignore_errors=True)


def _check_size(plan: Plan) -> None:
    there = len(list(plan.folder.glob("node-[0-9]/data/meta.properties")))
    if there not in (0, len(plan.nodes)):
        raise LocalKafkaError(
            f"{plan.folder} holds the data of a cluster with {there} node(s), and {len(plan.nodes)} were asked for. "
            f"Start it with --nodes {there}, choose another folder with --data, or remove the data with "
            "`framework kafka down --purge`."
        )


class _Recorder:
    """Writes the state file anew with each node that got a pid, so that a killed command leaves nothing untraced."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, node: Node) -> None:
        self._plan = with_node(self._plan, node)
        save_state(self._plan.folder, state_of(self._plan))


@contextmanager
def _sole_user(folder: Path) -> Iterator[None]:
    """Keep other commands away from the folder; one that is new or purged, and empty at the end, is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalKafkaError(
                f"Another command is working on {folder} just now. Try again when it is done."
            ) from None
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            folder.rmdir()

"""`LocalKafka`: a cluster that lives as long as the program that started it."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from framework.errors import LocalKafkaError, PortTakenError
from framework.localkafka import ports
from framework.localkafka.java import Runtime, Tools, find_runtime
from framework.localkafka.launch import LAST_LINES, READY_WITHIN, launch, log_tail, wait_ready, with_node
from framework.localkafka.plan import Node, Plan
from framework.localkafka.process import dismiss_guard, send, spawn, start_guard, stop_all, tell_guard, wait_gone
from framework.settings import environment

STOP_GRACE = 20.0
"""Seconds a node may take to stop in order before it is killed."""

TRIES = 3
ENDING = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT})


class LocalKafka:
    """A real Apache Kafka on this machine: a context manager that stops it at the end.

    Its nodes die with this process, also when it is killed. Use `LocalKafka.start()` to make one.
    """

    def __init__(self, runtime: Runtime, plan: Plan, *, temporary: bool) -> None:
        """Not for users; call `start`."""
        self._runtime = runtime
        self._plan = plan
        self._temporary = temporary
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        nodes: int = 1,
        data: Path | None = None,
        properties: Mapping[str, str] | None = None,
        port: int | None = None,
        tools: Tools | None = None,
    ) -> Self:
        """Start a cluster and wait until it takes requests.

        Args:
            nodes: 1 or 3; with three, topics have replication 3 and at least 2 in-sync replicas by default.
            data: folder to keep everything in; None is a temporary one, removed by `stop`.
            properties: `{server property: value}` on top of the defaults; topics are not created by themselves unless
                `auto.create.topics.enable` is given.
            port: of the first node, the others take the next ones; None takes free ones.
            tools: where to look for Java, Maven and Kafka; None is where the environment says.

        Raises:
            JavaMissingError: Java or Maven is missing.
            PortTakenError: `port` is in use.
            LocalKafkaError: it did not start; the message has the path and the last lines of the log.
        """
        runtime = find_runtime(tools or Tools.from_environ(environment()))
        if port is not None:
            ports.require_free(range(port, port + nodes))
        folder = data.absolute() if data else Path(tempfile.mkdtemp(prefix="framework-kafka-"))
        for left in reversed(range(TRIES)):
            kafka = cls(runtime, make_plan(folder, nodes, port, properties or {}), temporary=data is None)
            try:
                kafka._launch()
            except PortTakenError:
                # Ports that were free when they were chosen may be taken when the node listens.
                if port is not None or not left:
                    raise
            else:
                return kafka
        raise AssertionError("unreachable")

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of every node, comma-separated."""
        return self._plan.bootstrap_servers

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, first to last: `node_id` (from 1), `pid`, `port`."""
        return self._plan.nodes

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._plan.folder

    def log_tail(self, lines: int = LAST_LINES) -> str:
        """The last lines of every node's log, each under the path of its file."""
        return log_tail(self._plan, lines)

    def kill(self, node_id: int, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a node; when it is one that ends the node (KILL, TERM, INT), wait until it is gone.

        Raises:
            LocalKafkaError: the node did not end.
        """
        node = self._node(node_id)
        if send(self._plan, node, signum) and signum in ENDING and not wait_gone(self._plan, [node], STOP_GRACE):
            raise LocalKafkaError(f"Node {node_id} of the local Kafka did not end within {STOP_GRACE:.0f} s.")

    def restart(self, node_id: int) -> None:
        """Start a node again on the same ports and data, after stopping it in order if it runs; wait until ready.

        Raises:
            LocalKafkaError: it did not become ready.
        """
        stop_all(self._plan, [self._node(node_id)], grace=STOP_GRACE)
        self._remember(spawn(self._runtime, self._plan, self._node(node_id)))
        wait_ready(self._plan, (self._node(node_id),), READY_WITHIN)

    def stop(self, *, keep: bool = False) -> None:
        """Stop all nodes, and remove a temporary folder unless `keep`; a second call does nothing."""
        if self._guard is None:
            return
        throw_away = self._temporary and not keep
        stop_all(self._plan, self._plan.nodes, grace=0 if throw_away else STOP_GRACE)
        dismiss_guard(self._guard)
        self._guard = None
        if throw_away:
            shutil.rmtree(self._plan.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = isinstance(error, Exception)
        self.stop(keep=failed)
        if failed and error is not None:
            error.add_note(f"The folder of the local Kafka is kept: {self.folder}")

    def _node(self, node_id: int) -> Node:
        return self._plan.nodes[node_id - 1]

    def _remember(self, node: Node) -> None:
        self._plan = with_node(self._plan, node)
        if self._guard is not None:
            tell_guard(self._guard, node)

    def _launch(self) -> None:
        self._guard = start_guard(self._plan)
        try:
            self._plan = launch(self._runtime, self._plan, self._remember)
        except BaseException:
            dismiss_guard(self._guard)
            self._guard = None
            raise


def make_plan(folder: Path, nodes: int, port: int | None, properties: Mapping[str, str]) -> Plan:
    """A plan with ports: those from `port` on for clients, free ones for the rest."""
    if nodes not in (1, 3):
        raise LocalKafkaError(f"A local Kafka has 1 or 3 nodes, and {nodes} were asked for.")
    if port is not None and port + nodes - 1 > ports.LAST:
        raise LocalKafkaError(f"{nodes} nodes from port {port} on need ports above {ports.LAST}; choose a lower one.")
    clients = tuple(range(port, port + nodes)) if port is not None else ports.free_ports(nodes)
    controllers = ports.free_ports(nodes, taken=clients)
    pairs = enumerate(zip(clients, controllers, strict=True), start=1)
    made = tuple(
        Node(node_id=number, port=client, controller_port=controller) for number, (client, controller) in pairs
    )
    return Plan(folder=folder, nodes=made, properties=dict(properties))

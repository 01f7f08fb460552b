"""What to start: nodes, ports, folders and `server.properties`; decides everything, starts nothing."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Node:
    """One combined node, broker and controller: its id (from 1), its pid, and the ports of both roles."""

    node_id: int
    port: int
    controller_port: int
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster to start.

    Attributes:
        folder: the data folder; everything of the cluster is in it.
        nodes: one to three nodes; each one votes for the controller.
        properties: `{server property: value}` that win over what this module chooses.
    """

    folder: Path
    nodes: tuple[Node, ...]
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of every node, comma-separated."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def node_folder(self, node: Node) -> Path:
        """Where the node keeps its properties and its log segments."""
        return self.folder / f"node-{node.node_id}"

    def log_file(self, node: Node) -> Path:
        """What the node says."""
        return self.folder / "logs" / f"node-{node.node_id}.log"

    def properties_file(self, node: Node) -> Path:
        """The node's `server.properties`."""
        return self.node_folder(node) / "server.properties"


def server_properties(plan: Plan, node: Node) -> dict[str, str]:
    """`{server property: value}` of one node; source of the names: Kafka's broker configuration."""
    replication = str(min(3, len(plan.nodes)))
    min_isr = "2" if len(plan.nodes) >= 3 else "1"
    voters = ",".join(f"{peer.node_id}@127.0.0.1:{peer.controller_port}" for peer in plan.nodes)
    listeners = f"PLAINTEXT://127.0.0.1:{node.port}"
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(plan.node_folder(node) / "data"),
        # Whoever wants topics made by accident says so.
        "auto.create.topics.enable": "false",
        "default.replication.factor": replication,
        "min.insync.replicas": min_isr,
        # A node that starts again soon is refused until its old session has ended, which is nine seconds by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        # A first join that waits for others costs every start three seconds.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # Fifty partitions of each internal topic make a start slow and serve nobody on one machine.
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": min_isr,
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": min_isr,
        **plan.properties,
    }


def render(properties: Mapping[str, str]) -> str:
    """The text of a Java properties file; Java reads it as Latin-1, so that all else is escaped."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in properties.items())


def _escaped(value: str) -> str:
    text = value.replace("\\", "\\\\").replace("\n", "\\n")
    text = f"\\{text}" if text.startswith(" ") else text
    units = struct.iter_unpack(">H", text.encode("utf-16-be"))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for (unit,) in units)

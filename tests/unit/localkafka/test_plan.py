"""`server.properties` as a function of the plan."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import LocalKafkaError
from framework.localkafka.local import make_plan
from framework.localkafka.plan import Node, Plan, render, server_properties

ONE = Plan(folder=Path("/data"), nodes=(Node(1, 9092, 9990),))
THREE = Plan(folder=Path("/data"), nodes=tuple(Node(n, 9091 + n, 9989 + n) for n in (1, 2, 3)))


def read_back(text: str) -> dict[str, str]:
    """What Java makes of a properties file, as far as `render` uses its rules."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        raw = value.encode("ascii").decode("unicode_escape")
        found[name] = raw.encode("utf-16", "surrogatepass").decode("utf-16")
    return found


def test_one_node_replicates_nothing() -> None:
    found = server_properties(ONE, ONE.nodes[0])
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9990"
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9990"
    assert found["offsets.topic.replication.factor"] == "1"
    assert found["min.insync.replicas"] == "1"
    assert found["log.dirs"] == "/data/node-1/data"


def test_three_nodes_keep_three_copies_and_need_two() -> None:
    for node in THREE.nodes:
        found = server_properties(THREE, node)
        assert found["node.id"] == str(node.node_id)
        assert found["controller.quorum.voters"].count("@") == 3
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            assert found[f"{topic}.replication.factor"] == "3"
        for name in ("min.insync.replicas", "transaction.state.log.min.isr"):
            assert found[name] == "2"


def test_given_properties_win() -> None:
    plan = Plan(folder=Path("/data"), nodes=ONE.nodes, properties={"min.insync.replicas": "7", "new": "yes"})
    found = server_properties(plan, plan.nodes[0])
    assert (found["min.insync.replicas"], found["new"]) == ("7", "yes")


def test_bootstrap_servers_names_all_nodes() -> None:
    assert THREE.bootstrap_servers == "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094"


def test_ports_of_a_plan_differ() -> None:
    plan = make_plan(Path("/data"), 3, None, {})
    assert len({port for node in plan.nodes for port in (node.port, node.controller_port)}) == 6


def test_given_port_is_the_first_of_consecutive_ones() -> None:
    assert [node.port for node in make_plan(Path("/data"), 3, 21000, {}).nodes] == [21000, 21001, 21002]


def test_ports_beyond_the_last_are_refused() -> None:
    with pytest.raises(LocalKafkaError, match="65535"):
        make_plan(Path("/data"), 3, 65534, {})


@pytest.mark.parametrize("nodes", [0, 2, 4])
def test_other_sizes_are_refused(nodes: int) -> None:
    with pytest.raises(LocalKafkaError, match="1 or 3 nodes"):
        make_plan(Path("/data"), nodes, None, {})


@pytest.mark.parametrize(
    ("value", "line"),
    [("plain", "k=plain\n"), (" blank", "k=\\ blank\n"), ("a\\b", "k=a\\\\b\n"), ("ü", "k=\\u00fc\n")],
)
def test_render_escapes_what_java_would_eat(value: str, line: str) -> None:
    assert render({"k": value}) == line


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text[0] != " "))
def test_rendered_value_reads_back(value: str) -> None:
    assert read_back(render({"k": value})) == {"k": value}

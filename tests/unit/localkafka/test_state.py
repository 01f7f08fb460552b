"""The state file of a data folder."""

from pathlib import Path

import pytest

from framework.errors import LocalKafkaError
from framework.localkafka.detached import down, status
from framework.localkafka.plan import Node, Plan
from framework.localkafka.state import forget_state, load_state, save_state, state_of


def plan_in(folder: Path, pid: int) -> Plan:
    return Plan(folder=folder, nodes=(Node(1, 9092, 9990, pid), Node(2, 9093, 9991, pid)))


def test_state_round_trip(tmp_path: Path) -> None:
    state = state_of(plan_in(tmp_path, 42))
    save_state(tmp_path, state)
    assert load_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    forget_state(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nodes": [{"node_id": "x"}]}'])
def test_damaged_file_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LocalKafkaError, match=str(tmp_path / "state.json")):
        load_state(tmp_path)


def test_a_pid_that_is_somebody_else_is_not_running_and_not_killed(tmp_path: Path) -> None:
    # pid 1 is alive on every machine and is never ours
    save_state(tmp_path, state_of(plan_in(tmp_path, 1)))
    assert status(tmp_path).running == ()
    assert not status(tmp_path).is_up
    down(tmp_path)
    assert not (tmp_path / "state.json").exists()


def test_down_makes_no_folder(tmp_path: Path) -> None:
    assert down(tmp_path / "none", purge=True).running == ()
    assert not (tmp_path / "none").exists()


def test_purge_leaves_what_is_not_ours(tmp_path: Path) -> None:
    for name in ("node-1", "logs", "mine"):
        (tmp_path / name).mkdir()
    down(tmp_path, purge=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

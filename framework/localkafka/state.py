"""The state file of a data folder: which processes of a detached cluster were started, and where they listen."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from framework.errors import LocalKafkaError
from framework.localkafka.plan import Node, Plan

FILE_NAME = "state.json"


@dataclass(frozen=True, slots=True)
class State:
    """What the file holds.

    Attributes:
        nodes: each node's id, pid and ports; a pid is only a hint until it was checked to be ours.
        bootstrap_servers: `host:port` of every node, comma-separated; for scripts that read the file.
        logs: the path of each node's log.
    """

    nodes: tuple[Node, ...]
    bootstrap_servers: str
    logs: tuple[str, ...]


_FORMAT = TypeAdapter(State)


def state_of(plan: Plan) -> State:
    """The state to remember for a plan."""
    logs = tuple(str(plan.log_file(node)) for node in plan.nodes)
    return State(nodes=plan.nodes, bootstrap_servers=plan.bootstrap_servers, logs=logs)


def save_state(folder: Path, state: State) -> None:
    """Write the file; a reader sees the old one or the new one, never half of it."""
    written = folder / f"{FILE_NAME}.new"
    written.write_bytes(_FORMAT.dump_json(state, indent=2) + b"\n")
    written.replace(folder / FILE_NAME)


def load_state(folder: Path) -> State | None:
    """Read the file; None when there is none.

    Raises:
        LocalKafkaError: it is not a state file.
    """
    path = folder / FILE_NAME
    try:
        return _FORMAT.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise LocalKafkaError(
            f"{path} is not the state file of a local Kafka. Choose another folder with --data, or remove the file "
            "if you know that no Kafka runs from this folder."
        ) from error


def forget_state(folder: Path) -> None:
    """Remove the file."""
    (folder / FILE_NAME).unlink(missing_ok=True)

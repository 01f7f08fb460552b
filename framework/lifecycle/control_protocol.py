"""What a command and a supervisor say to each other over the control socket, one JSON object a line; sends nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from framework.lifecycle.status import Status, WorkerStatus
from framework.states import WorkerState


class Command(StrEnum):
    """What a supervisor can be asked: its status, or to stop its workers and leave the group."""

    STATUS = "status"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The workers are being stopped; they leave their group."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A worker has moved on.

    Attributes:
        slot: its number.
        group_instance_id: its seat; None for a dynamic member.
        state: of its process; None while there is none.
        has_left: whether the broker has confirmed that it left.
    """

    slot: int
    group_instance_id: str | None
    state: WorkerState | None
    has_left: bool

    @property
    def name(self) -> str:
        """Its seat, or for a dynamic member its number."""
        return self.group_instance_id or f"worker {self.slot}"


@dataclass(frozen=True, slots=True)
class Done:
    """Every worker has ended.

    Attributes:
        left: whose leave the broker has confirmed, see `Progress.name`.
        not_left: who ended without; the broker keeps their seats until their sessions end.
    """

    left: tuple[str, ...]
    not_left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The supervisor did not do what it was asked."""

    error: str


Reply: TypeAlias = Accepted | Progress | Done | Refused


class UnreadableLineError(ValueError):
    """Raised when the other side says something that this version does not understand."""


def progress_of(worker: WorkerStatus) -> Progress:
    """How far a worker is."""
    return Progress(worker.slot, worker.group_instance_id, worker.state, worker.has_left)


def done_of(status: Status) -> Done | None:
    """How it ended; None while a worker has not."""
    if not all(worker.has_ended for worker in status.workers):
        return None
    ended = [progress_of(worker) for worker in status.workers]
    return Done(
        left=tuple(each.name for each in ended if each.has_left),
        not_left=tuple(each.name for each in ended if not each.has_left),
    )


def encode(said: Command | Reply | Status) -> bytes:
    """One line."""
    if isinstance(said, Status | Progress | Refused):
        return _line(said)
    if isinstance(said, Done):
        return _line({"done": True, "left": said.left, "not_left": said.not_left})
    return _line({"accepted": True} if isinstance(said, Accepted) else {"command": said})


def decode_command(line: bytes) -> Command:
    """Read what a command asks.

    Raises:
        UnreadableLineError: it is nothing that this version knows.
    """
    try:
        return Command(_fields(line)["command"])
    except (KeyError, ValueError) as error:
        known = ", ".join(Command)
        raise UnreadableLineError(f'A line {{"command": ...}} with one of {known} is expected.') from error


def decode_reply(line: bytes) -> Reply:
    """Read what a supervisor says about a leave.

    Raises:
        UnreadableLineError: it is nothing that this version knows.
    """
    fields = _fields(line)
    try:
        if "error" in fields:
            return Refused(str(fields["error"]))
        if "accepted" in fields:
            return Accepted()
        if "done" in fields:
            return Done(tuple(map(str, fields["left"])), tuple(map(str, fields["not_left"])))
        state = None if fields["state"] is None else WorkerState(fields["state"])
        return Progress(int(fields["slot"]), fields["group_instance_id"], state, bool(fields["has_left"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableLineError(f"The supervisor says {line[:200]!r}, which this version does not know.") from error


def _line(document: object) -> bytes:
    return orjson.dumps(document, default=dict, option=orjson.OPT_APPEND_NEWLINE)


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnreadableLineError(f"{line[:200]!r} is not JSON.") from error
    if not isinstance(fields, dict):
        raise UnreadableLineError(f"{line[:200]!r} is not a JSON object.")
    return fields

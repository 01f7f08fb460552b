"""What is said over the control socket is read as it was meant."""

import pytest

from framework.lifecycle.control_protocol import (
    Accepted,
    Command,
    Done,
    Progress,
    Refused,
    Reply,
    UnreadableLineError,
    decode_command,
    decode_reply,
    done_of,
    encode,
)
from framework.states import WorkerState
from tests.unit.lifecycle.some_status import ended, running, status_of


@pytest.mark.parametrize(
    "reply",
    [
        Accepted(),
        Progress(0, "flights-0", WorkerState.STOPPING, False),
        Progress(1, None, None, True),
        Done(("flights-0",), ()),
        Refused("No."),
    ],
)
def test_reply(reply: Reply) -> None:
    line = encode(reply)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert decode_reply(line) == reply


@pytest.mark.parametrize("command", Command)
def test_command(command: Command) -> None:
    assert decode_command(encode(command)) is command


@pytest.mark.parametrize("line", [b"", b"leave\n", b"[]\n", b"{}\n", b'{"command": "dance"}\n', b'{"command": 7}\n'])
def test_unknown_command(line: bytes) -> None:
    with pytest.raises(UnreadableLineError):
        decode_command(line)


@pytest.mark.parametrize("line", [b"x\n", b"{}\n", b'{"done": true}\n', b'{"slot": 0, "state": "dancing"}\n'])
def test_unknown_reply(line: bytes) -> None:
    with pytest.raises(UnreadableLineError):
        decode_reply(line)


def test_done_when_every_worker_has_ended() -> None:
    assert done_of(status_of(running(0), ended(1, has_left=True))) is None
    assert done_of(status_of(ended(0, has_left=False), ended(1, has_left=True))) == Done(("flights-1",), ("flights-0",))


def test_dynamic_member_is_called_by_its_number() -> None:
    assert Progress(3, None, WorkerState.RUNNING, False).name == "worker 3"

"""Commands and a supervisor over a real Unix socket."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from framework.errors import CheckFailedError, SupervisorUnreachableError
from framework.exit_codes import ExitCode
from framework.lifecycle import control, control_client
from framework.lifecycle.control import ControlServer
from framework.lifecycle.control_client import Found, choose, find_supervisors, leave
from framework.lifecycle.control_folder import own_folders, socket_of
from framework.lifecycle.control_protocol import Accepted, Command, Done, Progress, decode_reply, encode
from framework.states import WorkerState
from framework.testing import eventually
from tests.unit.lifecycle.fake_supervisor import FakeSupervisor, short_folder
from tests.unit.lifecycle.some_status import ended, running, status_of


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """An environment in which only the sockets of this test are found."""
    with short_folder() as folder:
        yield {"XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}


@pytest.fixture
def supervisor(environ: dict[str, str]) -> Iterator[FakeSupervisor]:
    with FakeSupervisor().serving(environ) as fake:
        yield fake


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def own_folder(environ: dict[str, str]) -> Path:
    folder = own_folders(environ)[0]
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def leave_now(found: Found) -> list[Any]:
    async def collect() -> list[Any]:
        return [reply async for reply in leave(found)]

    return asyncio.run(collect())


class TestServer:
    def test_socket_is_for_its_user_alone(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        path = supervisor.control.path
        assert path == Path(environ["XDG_RUNTIME_DIR"], "framework", f"{os.getpid()}.sock")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_is_gone_after_close(self, environ: dict[str, str]) -> None:
        with FakeSupervisor().serving(environ) as supervisor:
            path = supervisor.control.path
            assert path is not None
            assert path.exists()
        assert not path.exists()
        assert supervisor.control.path is None

    @pytest.mark.parametrize("line", [b"nonsense\n", b'{"command": "dance"}\n', b"x" * 100_000 + b"\n", b""])
    def test_nonsense_is_refused(self, line: bytes, supervisor: FakeSupervisor) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(supervisor.control.path))
            client.sendall(line)
            client.shutdown(socket.SHUT_WR)
            assert "error" in json.loads(client.makefile("rb").readline())
        assert supervisor.leaves == 0

    def test_file_left_by_an_earlier_process_with_this_id_is_replaced(self, environ: dict[str, str]) -> None:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(socket_of(own_folder(environ), os.getpid())))
        with FakeSupervisor().serving(environ):
            assert [found.pid for found in find_supervisors(environ)] == [os.getpid()]

    def test_living_socket_is_not_replaced(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        only = {"XDG_RUNTIME_DIR": environ["XDG_RUNTIME_DIR"], "TMPDIR": "/nowhere"}
        with structlog.testing.capture_logs() as logged, FakeSupervisor().serving(only) as second:
            assert second.control.path is None
        assert "of a process with the same id" in str(logged)
        assert len(find_supervisors(environ)) == 1

    def test_second_choice_where_the_first_folder_cannot_be_made(self, environ: dict[str, str]) -> None:
        with FakeSupervisor().serving({**environ, "XDG_RUNTIME_DIR": "/nowhere"}) as supervisor:
            path = supervisor.control.path
            assert path is not None
            assert str(path.parent) == f"{environ['TMPDIR']}/framework-{os.geteuid()}"

    def test_without_any_folder_there_is_one_warning(self, environ: dict[str, str]) -> None:
        Path(environ["TMPDIR"], "target").mkdir(mode=0o700)
        Path(environ["TMPDIR"], f"framework-{os.geteuid()}").symlink_to("target")
        with (
            structlog.testing.capture_logs() as logged,
            FakeSupervisor().serving({**environ, "XDG_RUNTIME_DIR": "/nowhere"}) as supervisor,
        ):
            assert supervisor.control.path is None
            assert supervisor.call(supervisor.control.drained(0.0))
        (warning,) = logged
        assert (warning["event"], warning["log_level"]) == ("control.unavailable", "warning")
        assert "No such file" in warning["problems"][0]
        assert "is a symbolic link" in warning["problems"][1]

    def test_path_too_long_for_a_socket_is_no_error(self, environ: dict[str, str]) -> None:
        long = Path(environ["TMPDIR"], "x" * 120)
        long.mkdir()
        with structlog.testing.capture_logs() as logged, FakeSupervisor().serving({"TMPDIR": str(long)}):
            pass
        assert "too long" in str(logged)

    def test_needs_no_start_to_be_closed(self) -> None:
        asyncio.run(ControlServer(status_of, lambda: None).close())


class TestFind:
    def test_status_arrives_as_it_was(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        (found,) = find_supervisors(environ)
        assert found.pid == os.getpid()
        assert found.status == supervisor.status

    def test_by_app(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        assert len(find_supervisors(environ, supervisor.status.target)) == 1
        assert find_supervisors(environ, "apps.shop:app") == []

    def test_nobody(self, environ: dict[str, str]) -> None:
        assert find_supervisors(environ) == []

    def test_socket_of_a_dead_process_is_removed(self, environ: dict[str, str]) -> None:
        path = socket_of(own_folder(environ), dead_pid())
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
        assert find_supervisors(environ) == []
        assert not path.exists()

    def test_socket_of_one_that_is_just_starting_is_kept(self, environ: dict[str, str]) -> None:
        path = socket_of(own_folder(environ), os.getpid())
        with socket.socket(socket.AF_UNIX) as not_listening:
            not_listening.bind(str(path))
            assert find_supervisors(environ) == []
        assert path.exists()

    def test_one_that_does_not_answer(self, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(control_client, "ANSWER_WITHIN", 0.05)
        path = socket_of(own_folder(environ), os.getpid())
        with socket.socket(socket.AF_UNIX) as paused:
            paused.bind(str(path))
            paused.listen()
            assert find_supervisors(environ, "apps.shop:app") == [Found(os.getpid(), path, None)]

    def test_folder_that_cannot_be_trusted_is_not_asked(
        self, supervisor: FakeSupervisor, environ: dict[str, str]
    ) -> None:
        own_folder(environ).chmod(0o777)
        assert find_supervisors(environ) == []


class TestChoose:
    ONE = Found(7, Path("7.sock"), status_of(running(), target="flights:app"))
    OTHER = Found(8, Path("8.sock"), status_of(running(), target="shop:app"))
    TWIN = Found(9, Path("9.sock"), status_of(running(), target="shop:app"))
    SILENT = Found(10, Path("10.sock"), None)

    @pytest.mark.parametrize(
        ("found", "target", "pid", "chosen"),
        [
            ([ONE], None, None, ONE),
            ([ONE, SILENT], None, None, ONE),
            ([ONE, OTHER], "shop:app", None, OTHER),
            ([OTHER, TWIN], "shop:app", 9, TWIN),
            ([ONE, OTHER, TWIN], None, 7, ONE),
        ],
    )
    def test_one_is_meant(self, found: list[Found], target: str | None, pid: int | None, chosen: Found) -> None:
        assert choose(found, target, pid) is chosen

    @pytest.mark.parametrize(
        ("found", "target", "pid", "said"),
        [
            ([], None, None, "No supervisor of this user answers on this machine. Call"),
            ([ONE], "shop:app", None, r"that runs shop:app answers.*Found: pid 7 \(flights:app\)"),
            ([ONE], None, 8, r"with process id 8 answers.*pid 7 \(flights:app\)"),
            ([ONE], "shop:app", 7, "that runs shop:app with process id 7"),
            ([SILENT], None, None, r"Found: pid 10 \(does not answer\)"),
            ([ONE, OTHER], None, None, r"More than one .*pid 7 \(flights:app\), pid 8 \(shop:app\).*--pid"),
            ([OTHER, TWIN], "shop:app", None, "pid 8 .*pid 9"),
        ],
    )
    def test_it_is_not_clear(self, found: list[Found], target: str | None, pid: int | None, said: str) -> None:
        with pytest.raises(SupervisorUnreachableError, match=said) as raised:
            choose(found, target, pid)
        assert raised.value.exit_code is ExitCode.NO_SUPERVISOR


class TestLeave:
    def test_tells_each_change_until_all_have_ended(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        async def follow() -> list[Any]:
            heard = []
            async for reply in leave(*find_supervisors(environ)):
                heard.append(reply)
                if reply == Progress(1, "flights-1", WorkerState.STOPPING, False):
                    supervisor.change(0, has_left=True)
                elif reply == Progress(0, "flights-0", WorkerState.STOPPING, True):
                    supervisor.end(0, has_left=True)
                elif reply == Progress(0, "flights-0", WorkerState.STOPPED, True):
                    supervisor.end(1, has_left=False)
            return heard

        assert asyncio.run(follow()) == [
            Accepted(),
            Progress(0, "flights-0", WorkerState.STOPPING, False),
            Progress(1, "flights-1", WorkerState.STOPPING, False),
            Progress(0, "flights-0", WorkerState.STOPPING, True),
            Progress(0, "flights-0", WorkerState.STOPPED, True),
            Progress(1, "flights-1", WorkerState.STOPPED, False),
            Done(("flights-0",), ("flights-1",)),
        ]
        assert supervisor.leaves == 1

    def test_asked_twice_it_is_done_once(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        supervisor.on_leave = FakeSupervisor.end_all
        (found,) = find_supervisors(environ)
        for _ in range(2):
            assert leave_now(found)[-1] == Done(("flights-0", "flights-1"), ())
        assert supervisor.leaves == 1

    def test_request_is_no_second_interrupt(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        supervisor.status = status_of(ended(0, has_left=False), is_stopping=True)
        assert leave_now(*find_supervisors(environ))[-1] == Done((), ("flights-0",))
        assert supervisor.leaves == 0

    def test_goes_on_when_nobody_listens_any_more(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        async def hear_first() -> Any:
            async for reply in leave(*find_supervisors(environ)):
                return reply

        assert asyncio.run(hear_first()) == Accepted()
        assert supervisor.leaves == 1
        assert eventually(lambda: supervisor.call(supervisor.control.drained(0.0)))

    def test_drained_waits_for_the_end_of_the_command(
        self, supervisor: FakeSupervisor, environ: dict[str, str]
    ) -> None:
        supervisor.on_leave = FakeSupervisor.end_all
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(supervisor.control.path))
            client.sendall(encode(Command.LEAVE))
            lines = client.makefile("rb")
            while decode_reply(lines.readline()) != Done(("flights-0", "flights-1"), ()):
                pass
            assert not supervisor.call(supervisor.control.drained(0.1))
            lines.close()
        assert supervisor.call(supervisor.control.drained(1.0))

    def test_but_not_for_long(
        self, supervisor: FakeSupervisor, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control, "LINGER", 0.1)
        supervisor.on_leave = FakeSupervisor.end_all
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(supervisor.control.path))
            client.sendall(encode(Command.LEAVE))
            assert eventually(lambda: supervisor.leaves == 1)
            assert supervisor.call(supervisor.control.drained(10.0))

    def test_drained_waits_for_the_last_line(
        self, supervisor: FakeSupervisor, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control, "LINGER", 0.1)

        async def follow() -> list[Any]:
            heard = []
            async for reply in leave(*find_supervisors(environ)):
                heard.append(reply)
                if isinstance(reply, Accepted):
                    assert not await asyncio.to_thread(lambda: supervisor.call(supervisor.control.drained(0.0)))
                    supervisor.end_all()
                    assert await asyncio.to_thread(lambda: supervisor.call(supervisor.control.drained(10.0)))
                    await asyncio.to_thread(lambda: supervisor.call(supervisor.control.close()))
            return heard

        assert asyncio.run(follow())[-1] == Done(("flights-0", "flights-1"), ())

    def test_supervisor_that_ends_too_early(self, supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
        async def follow() -> None:
            async for _ in leave(*find_supervisors(environ)):
                await asyncio.to_thread(lambda: supervisor.call(supervisor.control.close()))

        with pytest.raises(CheckFailedError, match=f"process id {os.getpid()} ended before"):
            asyncio.run(follow())

    def test_supervisor_that_is_gone(self, environ: dict[str, str]) -> None:
        gone = Found(7, own_folder(environ) / "7.sock", status_of(running()))
        with pytest.raises(SupervisorUnreachableError, match="process id 7 cannot be reached"):
            leave_now(gone)

    @pytest.mark.parametrize(
        ("line", "said"),
        [(b"", "without an answer"), (b'{"error": "No."}\n', "refuses. No."), (b'{"x": 1}\n', "of another version")],
    )
    def test_supervisor_of_another_version(self, line: bytes, said: str, environ: dict[str, str]) -> None:
        path = own_folder(environ) / "7.sock"

        async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(line)
            writer.close()

        async def ask() -> list[Any]:
            async with await asyncio.start_unix_server(other, path):
                return [reply async for reply in leave(Found(7, path, None))]

        with pytest.raises(SupervisorUnreachableError, match=said):
            asyncio.run(ask())

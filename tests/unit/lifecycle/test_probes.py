"""Probes over real sockets on the loopback, with a status made by hand."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import psutil
import pytest

from framework.errors import PortTakenError, SettingsError
from framework.exit_codes import ExitCode
from framework.lifecycle.probes import Probes
from framework.lifecycle.status import Fence, Status
from framework.states import WorkerState
from framework.testing import eventually
from tests.unit.lifecycle.some_status import running, status_of

HOST = "127.0.0.1"
FENCED = running(1, state=WorkerState.WAITING, fence=Fence("held", 3, 120, "box2", "x@box2#1-a"), beat_age=9.0)


def ask(status: Status, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Serve the status and ask once."""

    async def serve() -> tuple[http.client.HTTPResponse, bytes]:
        probes = Probes()
        probes.listen(HOST, 0, any_port=False)
        try:
            await probes.serve(lambda: status)
            return await asyncio.to_thread(request, probes.port, path, method)
        finally:
            await probes.close()

    return asyncio.run(serve())


def request(port: int, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        return response, response.read()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup", "/health/live?x=1"])
def test_health_of_workers_that_work(path: str) -> None:
    response, body = ask(status_of(running()), path)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "application/json"
    told = json.loads(body)
    assert (told["status"], told["reasons"]) == ("ok", [])
    (worker,) = told["workers"]
    assert (worker["slot"], worker["state"], worker["group_instance_id"]) == (0, "running", "flights-0")


@pytest.mark.parametrize(("path", "reasons"), [("/health/live", 1), ("/health/ready", 2), ("/health", 2)])
def test_health_of_a_worker_that_does_not_work(path: str, reasons: int) -> None:
    response, body = ask(status_of(running(0), FENCED), path)
    told = json.loads(body)
    assert response.status == 500
    assert told["status"] == "failed"
    assert len(told["reasons"]) == reasons
    assert all(reason.startswith("Worker 1 (flights-1)") for reason in told["reasons"])


def test_all_of_them_says_which_failed() -> None:
    told = json.loads(ask(status_of(running(state=WorkerState.STARTING)), "/health")[1])
    assert (told["live"], told["ready"], told["startup"]) == ("ok", "failed", "ok")


def test_status_tells_everything() -> None:
    status = status_of(running(0), FENCED)
    response, body = ask(status, "/status")
    assert response.status == 200
    assert json.loads(body) == json.loads(json.dumps(asdict(status)))


@pytest.mark.parametrize(("path", "code"), [("/health/live", 500), ("/status", 200), ("/nowhere", 404)])
def test_head_has_the_same_code_and_no_body(path: str, code: int) -> None:
    response, body = ask(status_of(FENCED), path, "HEAD")
    assert response.status == code
    assert body == b""


@pytest.mark.parametrize("path", ["/", "/nowhere", "/health/", "/health/alive", "/status/live", "//health/live"])
def test_unknown_path(path: str) -> None:
    response, body = ask(status_of(running()), path)
    assert response.status == 404
    assert response.headers["Cache-Control"] == "no-store"
    assert path in json.loads(body)["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(method: str) -> None:
    response, body = ask(status_of(running()), "/status", method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert "GET" in json.loads(body)["error"]


def test_request_that_comes_before_the_server_is_loaded_is_answered() -> None:
    async def early() -> int:
        probes = Probes()
        probes.listen(HOST, 0, any_port=False)
        asked = asyncio.create_task(asyncio.to_thread(request, probes.port, "/health"))
        await probes.serve(lambda: status_of(running()))
        response, _ = await asked
        await probes.close()
        return response.status

    assert asyncio.run(early()) == 200


def test_status_is_asked_for_each_time() -> None:
    seen = iter([status_of(running()), status_of(FENCED)])

    async def twice() -> list[int]:
        probes = Probes()
        probes.listen(HOST, 0, any_port=False)
        await probes.serve(lambda: next(seen))
        codes = [(await asyncio.to_thread(request, probes.port, "/health"))[0].status for _ in range(2)]
        await probes.close()
        return codes

    assert asyncio.run(twice()) == [200, 500]


class TestPort:
    def test_taken_port_is_refused(self, taken: int) -> None:
        with pytest.raises(PortTakenError, match=f"Port {taken} .*FRAMEWORK_HTTP_PORT") as raised:
            Probes().listen(HOST, taken, any_port=False)
        assert raised.value.exit_code is ExitCode.PORT_TAKEN

    def test_any_other_port_will_do(self, taken: int) -> None:
        probes = Probes()
        probes.listen(HOST, taken, any_port=True)
        assert probes.port not in (0, taken)
        assert probes.url == f"http://{HOST}:{probes.port}"
        asyncio.run(probes.close())

    def test_free_port_is_taken_though_any_would_do(self, taken: int) -> None:
        with socket.create_server((HOST, 0)) as other:
            free = other.getsockname()[1]
        probes = Probes()
        probes.listen(HOST, free, any_port=True)
        assert probes.port == free
        asyncio.run(probes.close())

    @pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
    def test_host_that_is_none_of_this_machine(self, host: str) -> None:
        with pytest.raises(SettingsError, match=f"FRAMEWORK_HTTP_HOST is '{host}'"):
            Probes().listen(host, 0, any_port=True)

    def test_host_that_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(SettingsError, match=r"'flights', which is no address .*Name or service not known"):
            Probes().listen("flights", 0, any_port=True)

    def test_port_that_only_an_administrator_may_take(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(socket.socket, "bind", refuse)
        with pytest.raises(SettingsError, match="FRAMEWORK_HTTP_PORT is 80"):
            Probes().listen(HOST, 80, any_port=False)

    @pytest.mark.parametrize(("host", "url"), [("localhost", "http://localhost:"), ("::1", "http://[::1]:")])
    def test_names_and_long_addresses(self, host: str, url: str) -> None:
        probes = Probes()
        probes.listen(host, 0, any_port=False)
        assert probes.url.startswith(url)
        asyncio.run(probes.close())

    def test_is_free_after_close(self) -> None:
        probes = Probes()
        probes.listen(HOST, 0, any_port=False)
        port = probes.port

        async def serve_and_close() -> None:
            await probes.serve(status_of)
            await asyncio.to_thread(request, port, "/health")
            await probes.close()
            await probes.close()

        asyncio.run(serve_and_close())
        again = Probes()
        again.listen(HOST, port, any_port=False)
        asyncio.run(again.close())

    def test_closed_before_it_served(self) -> None:
        async def close_first() -> None:
            probes = Probes()
            probes.listen(HOST, 0, any_port=False)
            serving = asyncio.create_task(probes.serve(status_of))
            await asyncio.sleep(0)
            await probes.close()
            await serving

        asyncio.run(close_first())


SUPERVISOR = """
import multiprocessing, os, sys, time

def work():
    time.sleep(60)

if __name__ == "__main__":
    from framework.lifecycle.probes import Probes
    context = multiprocessing.get_context("forkserver")
    probes = Probes()
    workers = [context.Process(target=work)]
    workers[0].start()
    probes.listen("127.0.0.1", 0, any_port=False)
    workers.append(context.Process(target=work))
    workers[1].start()
    print(probes.port, os.getpid(), *(worker.pid for worker in workers), flush=True)
    time.sleep(60)
"""


def test_worker_that_outlives_its_supervisor_does_not_keep_the_port(tmp_path: Any) -> None:
    script = tmp_path / "supervisor.py"
    script.write_text(SUPERVISOR, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environ) as supervisor:
        assert supervisor.stdout is not None
        port, pid, *workers = map(int, supervisor.stdout.readline().split())
        os.kill(pid, signal.SIGKILL)
    try:
        assert all(psutil.pid_exists(worker) for worker in workers)
        eventually(_can_listen(port))
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)


def _can_listen(port: int) -> Callable[[], bool]:
    def listen() -> bool:
        probes = Probes()
        probes.listen(HOST, port, any_port=False)
        asyncio.run(probes.close())
        return True

    return listen


def test_server_is_not_loaded_before_it_serves() -> None:
    script = (
        "import sys; import framework.lifecycle.probes as p; probes = p.Probes();"
        "probes.listen('127.0.0.1', 0, any_port=True); print('aiohttp' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "False\n"

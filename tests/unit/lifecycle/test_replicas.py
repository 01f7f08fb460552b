"""The wanted replica count, asked of a fake Kubernetes API: a server on loopback, over TLS, with its own authority."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from structlog.testing import capture_logs

from framework.lifecycle.replicas import wanted_replicas

TOKEN = "token-of-the-pod"
PATH = "/apis/apps/v1/namespaces/shop/statefulsets/flights"
NEVER_SLOW = 30.0
"""Seconds; more than any test takes, so that no busy machine makes a timeout of an answer."""


@dataclass
class FakeApi:
    """A fake of the one call that is made: knows one StatefulSet, one token, and how to misbehave."""

    body: bytes = b'{"kind": "StatefulSet", "spec": {"replicas": 3}}'
    status: int = 200
    token: str = TOKEN
    hangs: bool = False
    location: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.hangs:
            await asyncio.Event().wait()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="Unauthorized")
        if self.location:
            raise web.HTTPFound(self.location)
        if request.path != PATH:
            return web.Response(status=404)
        return web.Response(status=self.status, body=self.body, content_type="application/json")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def folder(tmp_path: Path, authority: trustme.CA) -> Path:
    """A service account as Kubernetes mounts it."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text("shop")
    return tmp_path


@asynccontextmanager
async def serving(api: FakeApi, authority: trustme.CA, host: str) -> AsyncIterator[dict[str, str]]:
    """The fake API on loopback, and the environment of a pod that is to ask it."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(server_side)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=server_side).start()
        port = runner.addresses[0][1]
        yield {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port), "POD_NAME": "flights-2"}
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: the count, and the line of the log if there was one."""

    count: int | None
    level: str = ""
    why: str = ""


Ask = Callable[..., Outcome]


@pytest.fixture
def ask(folder: Path, authority: trustme.CA) -> Ask:
    """Ask a fake API from a pod with the service account of the fixture."""

    def run(api: FakeApi, *, host: str = "127.0.0.1", timeout: float = NEVER_SLOW, **environ: str) -> Outcome:
        async def both() -> int | None:
            async with serving(api, authority, host) as pod:
                return await wanted_replicas({**pod, **environ}, folder=folder, timeout=timeout)

        return told_by(both())

    return run


def told_by(question: Any) -> Outcome:
    with capture_logs() as lines:
        count = asyncio.run(question)
    ours = [line for line in lines if line["event"] == "replicas.unknown"]
    assert len(ours) == (count is None)
    return Outcome(count, ours[0]["log_level"], ours[0]["why"]) if ours else Outcome(count)


def test_the_count_of_the_own_stateful_set(ask: Ask) -> None:
    api = FakeApi()
    assert ask(api) == Outcome(3)
    assert api.asked == [PATH]


def test_none_wanted_is_a_count(ask: Ask) -> None:
    assert ask(FakeApi(body=b'{"spec": {"replicas": 0}}')) == Outcome(0)


def test_ordinals_that_begin_later_are_counted_from_0(ask: Ask) -> None:
    assert ask(FakeApi(body=b'{"spec": {"replicas": 3, "ordinals": {"start": 5}}}')) == Outcome(8)


def test_an_ipv6_address(ask: Ask) -> None:
    assert ask(FakeApi(), host="::1") == Outcome(3)


@pytest.mark.parametrize(
    "names",
    [
        {"POD_NAME": "", "HOSTNAME": "flights-0"},
        {"POD_NAME": "flights-10.flights.shop.svc.cluster.local"},
        {"POD_NAME": "flights-1", "HOSTNAME": "other-1"},
    ],
    ids=["hostname", "complete name", "pod name first"],
)
def test_where_the_name_comes_from(ask: Ask, names: dict[str, str]) -> None:
    assert ask(FakeApi(), **names).count == 3


def test_the_token_is_read_each_time(ask: Ask, folder: Path) -> None:
    assert ask(FakeApi(token="rotated")).count is None
    (folder / "token").write_text("rotated\n")
    assert ask(FakeApi(token="rotated")) == Outcome(3)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_to_grant(ask: Ask, status: int) -> None:
    found = ask(FakeApi(status=status))
    assert (found.count, found.level) == (None, "warning")
    assert f"refuses to show the StatefulSet flights (status {status})" in found.why
    assert "the verb 'get' on the resource 'statefulsets' of the API group 'apps'" in found.why


def test_a_set_that_is_not_there_is_nothing_wrong(ask: Ask) -> None:
    found = ask(FakeApi(), POD_NAME="deleted-0")
    assert (found.count, found.level) == (None, "debug")
    assert "no StatefulSet deleted" in found.why


def test_a_server_that_does_not_answer_in_time(ask: Ask) -> None:
    found = ask(FakeApi(hangs=True), timeout=0.2)
    assert (found.count, found.level) == (None, "warning")
    assert "did not answer within 0.2 s" in found.why


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"spec": null}',
        b'{"spec": {}}',
        b'{"spec": {"replicas": null}}',
        b'{"spec": {"replicas": "3"}}',
        b'{"spec": {"replicas": true}}',
        b'{"spec": {"replicas": 2.5}}',
        b'{"spec": {"replicas": -1}}',
        b"[" * 100_000,
    ],
)
def test_garbage(ask: Ask, body: bytes) -> None:
    found = ask(FakeApi(body=body))
    assert (found.count, found.level) == (None, "warning")
    assert "no StatefulSet with spec.replicas" in found.why


def test_another_status(ask: Ask) -> None:
    found = ask(FakeApi(status=503))
    assert (found.count, found.level) == (None, "warning")
    assert "status 503" in found.why


def test_the_token_goes_nowhere_else(ask: Ask) -> None:
    api = FakeApi(location=PATH)
    assert ask(api).count is None
    assert len(api.asked) == 1


def test_a_server_that_another_authority_vouches_for(ask: Ask, folder: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(folder / "ca.crt"))
    api = FakeApi()
    found = ask(api)
    assert (found.count, found.level, api.asked) == (None, "warning", [])
    assert "cannot be asked" in found.why


def test_nobody_there(folder: Path) -> None:
    with socket.socket() as channel:
        channel.bind(("127.0.0.1", 0))
        port = str(channel.getsockname()[1])
    pod = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port, "HOSTNAME": "flights-0"}
    found = told_by(wanted_replicas(pod, folder=folder, timeout=NEVER_SLOW))
    assert (found.count, found.level) == (None, "warning")


@pytest.mark.parametrize(
    "changes",
    [
        {"KUBERNETES_SERVICE_HOST": ""},
        {"POD_NAME": "flights-7d9c6b5f4-x2x4z"},
        {"POD_NAME": "3f2a1b4c5d6e"},
        {"POD_NAME": ""},
    ],
    ids=["elsewhere", "pod of a Deployment", "container id", "no name"],
)
def test_outside_a_stateful_set_it_is_quiet(ask: Ask, changes: dict[str, str]) -> None:
    api = FakeApi()
    found = ask(api, **changes)
    assert (found.count, found.level, api.asked) == (None, "debug", [])


@pytest.mark.parametrize(
    "changes", [{"KUBERNETES_SERVICE_PORT": "tcp://10.0.0.1:443"}, {"KUBERNETES_SERVICE_HOST": "["}]
)
def test_a_malformed_address(ask: Ask, changes: dict[str, str]) -> None:
    found = ask(FakeApi(), **changes)
    assert (found.count, found.level) == (None, "warning")


@pytest.mark.parametrize("missing", ["token", "namespace", "ca.crt"])
def test_a_service_account_that_is_not_mounted(ask: Ask, folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    api = FakeApi()
    found = ask(api)
    assert (found.count, found.level, api.asked) == (None, "debug", [])
    assert missing in found.why
    assert "automountServiceAccountToken" in found.why


@pytest.mark.parametrize("broken", ["token", "ca.crt"])
def test_a_service_account_that_is_garbage(ask: Ask, folder: Path, broken: str) -> None:
    (folder / broken).write_bytes(b"\xff\x00\nnothing")
    found = ask(FakeApi())
    assert (found.count, found.level) == (None, "warning")


def test_a_folder_that_is_not_there(ask: Ask, tmp_path: Path) -> None:
    pod = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "POD_NAME": "flights-0"}
    found = told_by(wanted_replicas(pod, folder=tmp_path / "nowhere"))
    assert (found.count, found.level) == (None, "debug")


def test_the_token_is_in_no_line(ask: Ask) -> None:
    assert TOKEN not in ask(FakeApi(status=403)).why

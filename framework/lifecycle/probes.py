"""The probes of the supervisor: JSON over HTTP about its workers; knows what health means only through `health.py`."""

import asyncio
import errno
import importlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from framework.errors import PortTakenError, SettingsError
from framework.lifecycle import health
from framework.lifecycle.health import Health
from framework.lifecycle.status import Status

if TYPE_CHECKING:
    from aiohttp import web

CLOSE_WITHIN = 1.0
"""Seconds that answers under way get when the server is closed."""

QUESTIONS: Mapping[str, Callable[[Status], Health]] = {
    "live": health.live,
    "ready": health.ready,
    "startup": health.startup,
}
"""`{last part of the path below /health: who answers it}`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP client is told.

    Attributes:
        code: of HTTP.
        body: JSON.
        headers: more than the usual ones.
    """

    code: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(method: str, path: str, status: Status) -> Answer:
    """Answer one request; pure."""
    kind, _, question = path.removeprefix("/").partition("/")
    if path not in _paths():
        return _answer(HTTPStatus.NOT_FOUND, {"error": f"There is nothing at {path}.", "paths": _paths()})
    if method not in ("GET", "HEAD"):
        refusal = _answer(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{path} can be read only, with GET or HEAD."})
        return Answer(refusal.code, refusal.body, {"Allow": "GET, HEAD"})
    if kind == "status":
        return _answer(HTTPStatus.OK, status)
    asked = [question] if question else list(QUESTIONS)
    found = {name: QUESTIONS[name](status) for name in asked}
    # The same reason fails several of them; it is told once.
    reasons = list(dict.fromkeys(reason for each in found.values() for reason in each.reasons))
    is_ok = all(each.is_ok for each in found.values())
    details = {} if question else {name: _word(each.is_ok) for name, each in found.items()}
    document = {"status": _word(is_ok), "reasons": reasons, **details, "workers": status.workers}
    return _answer(HTTPStatus.OK if is_ok else HTTPStatus.INTERNAL_SERVER_ERROR, document)


def _paths() -> list[str]:
    return ["/health", *(f"/health/{question}" for question in QUESTIONS), "/status"]


def _word(is_ok: bool) -> str:
    return "ok" if is_ok else "failed"


def _answer(code: HTTPStatus, document: object) -> Answer:
    # For people with curl as much as for machines.
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return Answer(code, orjson.dumps(document, default=dict, option=options))


class Probes:
    """Serves `/health/live`, `/health/ready`, `/health/startup`, `/health` and `/status` from the running loop.

    Two steps, because loading the HTTP server takes a moment in which workers could already be starting: `listen`
    takes the port and loads nothing, `serve` answers.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._runner: web.ServerRunner | None = None
        self._host = ""

    def listen(self, host: str, port: int, *, any_port: bool) -> None:
        """Take the port; whoever connects waits until `serve`.

        Args:
            host: name or address to listen at.
            port: 1 to 65535, or 0 for any.
            any_port: whether any free port will do where this one is taken.

        Raises:
            PortTakenError: another process listens there.
            SettingsError: the host is no address of this machine, or this user may not listen on the port.
        """
        self._socket, self._host = _listening(host, port, any_port=any_port), host

    @property
    def port(self) -> int:
        """The port that was taken."""
        assert self._socket is not None, "not listening"
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """`http://host:port`, IPv6 addresses in brackets."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    async def serve(self, status: Callable[[], Status]) -> None:
        """Begin to answer; returns when it does.

        Args:
            status: what is known at the moment of a request; is called on the event loop.
        """
        await asyncio.to_thread(importlib.import_module, "aiohttp.web")
        from aiohttp import web

        if self._socket is None:
            # Closed while the server was being loaded.
            return

        async def handle(request: web.BaseRequest) -> web.Response:
            told = answer(request.method, request.path, status())
            headers = {"Cache-Control": "no-store", **told.headers}
            return web.Response(body=told.body, status=told.code, headers=headers, content_type="application/json")

        self._runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=CLOSE_WITHIN)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """Finish what is being answered, and free the port."""
        taken, self._socket = self._socket, None
        if self._runner is not None:
            await self._runner.cleanup()
        if taken is not None:
            taken.close()


def _listening(host: str, port: int, *, any_port: bool) -> socket.socket:
    """A socket at the first address of the host that this machine has."""
    problem: Exception
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        found, problem = [], error
    for family, _, _, _, address in found:
        try:
            return _bound(family, address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and any_port:
                return _listening(host, 0, any_port=False)
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    f"Port {port} of {host} is in use by another process, and the probes are to be served there. Set"
                    " FRAMEWORK_HTTP_PORT to another port, or stop the process that holds it."
                ) from error
            if error.errno == errno.EACCES:
                raise SettingsError(
                    f"FRAMEWORK_HTTP_PORT is {port}, on which this user may not listen. Set it to a port above 1023."
                ) from error
            problem = error
    raise SettingsError(
        f"FRAMEWORK_HTTP_HOST is {host!r}, which is no address of this machine ({problem}). Set it to 127.0.0.1 for"
        " this machine alone, to 0.0.0.0 for all its networks, or to one of its addresses."
    ) from problem


def _bound(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    # Python's sockets are closed in every program that this process starts, so no worker keeps the port.
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        # At once: a port that was only bound can still be taken by somebody else.
        taken.listen(128)
    except OSError:
        taken.close()
        raise
    return taken

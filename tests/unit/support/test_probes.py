"""Asking for health: well, not well, nobody there, and something that is no health."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from framework.localkafka.ports import free_ports
from tests.support.probes import ask

PAGES = {
    "/health": (200, b'{"reasons": []}'),
    "/ill": (500, b'{"reasons": ["Fenced by a process on HOST-2"]}'),
    "/list": (200, b"[]"),
}


class Pages(BaseHTTPRequestHandler):
    """Serves `PAGES`."""

    def do_GET(self) -> None:
        """Answer one request."""
        code, body = PAGES[self.path]
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_well(url: str) -> None:
    health = ask(url, "/health")

    assert health.is_well
    assert health.body == {"reasons": []}


def test_not_well_is_an_answer_too(url: str) -> None:
    health = ask(url, "/ill")

    assert (health.code, health.is_well) == (500, False)
    assert health.says("fenced", "host-2")
    assert not health.says("fenced", "host-3")


def test_no_object_is_no_health(url: str) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        ask(url, "/list")


def test_nobody_there() -> None:
    with pytest.raises(ConnectionError):
        ask(f"http://127.0.0.1:{free_ports(1)[0]}", "/health")

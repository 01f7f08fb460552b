"""The proxy, in front of a broker that sends each request back as its answer."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from framework.localkafka.ports import free_ports
from framework.testing import eventually
from tests.support.proxy import Proxy
from tests.support.requests import HEARTBEAT, LEAVE_GROUP, NOT_COORDINATOR, Request, refusal


class Echo(socketserver.StreamRequestHandler):
    """Answers with the correlation id and what follows it, as the bytes came."""

    def handle(self) -> None:
        while head := self.rfile.read(4):
            (length,) = struct.unpack(">i", head)
            answer = self.rfile.read(length)[4:]
            self.wfile.write(struct.pack(">i", len(answer)) + answer)


class Client:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        host, _, port = proxy.bootstrap_servers.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5.0)

    def send(self, api_key: int, correlation_id: int) -> None:
        """Send a request of version 3 without a body."""
        request = struct.pack(">hhih2s", api_key, 3, correlation_id, 2, b"me")
        self.socket.sendall(struct.pack(">i", len(request)) + request)

    def answers(self) -> bytes:
        """The next answer, with its length; empty when the connection was closed."""
        try:
            head = self.socket.recv(4, socket.MSG_WAITALL)
            return head and head + self.socket.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
        except ConnectionError:
            return b""

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def echoed(correlation_id: int) -> bytes:
    answer = struct.pack(">ih2s", correlation_id, 2, b"me")
    return struct.pack(">i", len(answer)) + answer


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as broker:
        broker.daemon_threads = True
        thread = threading.Thread(target=broker.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Proxy(free_ports(1)[0], broker.server_address[1]) as proxy:
            yield proxy
        broker.shutdown()
        thread.join()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    with closing(Client(proxy)) as client:
        yield client


def test_requests_pass_and_are_noted(proxy: Proxy, client: Client) -> None:
    client.send(HEARTBEAT, 1)
    client.send(LEAVE_GROUP, 2)

    assert [client.answers(), client.answers()] == [echoed(1), echoed(2)]
    assert proxy.requests() == [Request(HEARTBEAT, 3, 1, "me"), Request(LEAVE_GROUP, 3, 2, "me")]
    assert proxy.requests(LEAVE_GROUP) == [Request(LEAVE_GROUP, 3, 2, "me")]


def test_a_refusal_keeps_its_place_among_the_answers(proxy: Proxy, client: Client) -> None:
    proxy.refuse(LEAVE_GROUP, NOT_COORDINATOR)
    for correlation_id, api_key in enumerate([HEARTBEAT, LEAVE_GROUP, LEAVE_GROUP, HEARTBEAT]):
        client.send(api_key, correlation_id)

    refused = refusal(Request(LEAVE_GROUP, 3, 1, "me"), NOT_COORDINATOR)
    assert [client.answers() for _ in range(4)] == [echoed(0), refused, echoed(2), echoed(3)]


def test_a_blackhole_holds_everything_up_until_it_is_healed(proxy: Proxy, client: Client) -> None:
    proxy.blackhole()
    client.send(HEARTBEAT, 1)
    with closing(Client(proxy)) as late:
        late.send(HEARTBEAT, 2)
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.answers()
        assert proxy.requests() == []

        proxy.heal()
        client.socket.settimeout(5.0)
        assert (client.answers(), late.answers()) == (echoed(1), echoed(2))


def test_a_cut_closes_old_and_new_connections_until_it_is_healed(proxy: Proxy, client: Client) -> None:
    client.send(HEARTBEAT, 1)
    client.answers()
    proxy.cut()
    assert client.answers() == b""
    with closing(Client(proxy)) as late:
        assert late.answers() == b""

    proxy.heal()
    with closing(Client(proxy)) as healed:
        healed.send(HEARTBEAT, 3)
        assert healed.answers() == echoed(3)


def test_a_client_that_goes_is_forgotten(proxy: Proxy, client: Client) -> None:
    client.send(HEARTBEAT, 1)
    client.answers()
    client.close()

    eventually(lambda: not proxy._writers)


def test_where_the_broker_is_away_the_connection_is_closed() -> None:
    front, behind = free_ports(2)
    with Proxy(front, behind) as proxy, closing(Client(proxy)) as client:
        assert client.answers() == b""

"""A Kafka whose clients can be sent through a proxy: its second listener advertises the proxy's port."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from framework.localkafka import LocalKafka
from framework.localkafka.ports import free_ports
from tests.support.proxy import Proxy


@dataclass(frozen=True, slots=True)
class ProxiedKafka:
    """Two ways to one broker.

    Attributes:
        bootstrap_servers: the direct one.
        proxy: the other one; whoever asks here first stays on it.
    """

    bootstrap_servers: str
    proxy: Proxy


@contextmanager
def proxied_kafka(folder: Path) -> Iterator[ProxiedKafka]:
    """Start the broker and the proxy, and end them."""
    direct, behind, controller, front = free_ports(4)
    properties = {
        "listeners": f"PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{front}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.cleaner.enable": "false",
    }
    with (
        LocalKafka.start(data=folder, properties=properties, port=direct) as kafka,
        Proxy(front, behind) as proxy,
    ):
        yield ProxiedKafka(kafka.bootstrap_servers, proxy)

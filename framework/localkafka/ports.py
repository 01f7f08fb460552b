"""TCP ports of this machine: which are free, who answers on them as a Kafka; knows nothing of processes."""

import random
import socket
import struct
from collections.abc import Iterable

from framework.errors import PortTakenError

# Below the range that the kernel gives to outgoing connections (32768 and up on Linux): there a client that keeps
# trying a port on which nobody listens can end up connected to itself, and a stopped broker's port can be gone
# before the broker is back.
LOWEST, HIGHEST = 20000, 32000
LAST = 65535
HOST = "127.0.0.1"
METADATA_V1_NO_TOPICS = struct.pack("!hhih", 3, 1, 1, -1) + struct.pack("!i", 0)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, taken: Iterable[int] = ()) -> tuple[int, ...]:
    """That many different ports that were free a moment ago, none of `taken`."""
    used = set(taken)
    chosen: list[int] = []
    for port in random.sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST):
        if len(chosen) == count:
            break
        if port not in used and is_free(port):
            chosen.append(port)
    return tuple(chosen)


def require_free(ports: Iterable[int]) -> None:
    """Raise PortTakenError for the first port that another process listens on."""
    for port in ports:
        if not is_free(port):
            raise PortTakenError(
                f"Port {port} is in use by another process, and the local Kafka was told to listen on it. "
                "Choose another with --port, or stop the process that holds it."
            )


def brokers_seen(port: int, timeout: float = 1.0) -> int:
    """How many live brokers the one on this port knows of; 0 when it does not answer yet.

    Asks with Metadata v1 for no topics: the answer lists a broker once the controller has unfenced it, so that
    topics can be made as soon as all are listed.
    """
    try:
        with socket.create_connection((HOST, port), timeout=timeout) as connection:
            connection.sendall(struct.pack("!i", len(METADATA_V1_NO_TOPICS)) + METADATA_V1_NO_TOPICS)
            with connection.makefile("rb") as answer:
                # size, correlation id, then the array of brokers
                head = answer.read(12)
                return int(struct.unpack("!iii", head)[2]) if len(head) == 12 else 0
    except OSError:
        return 0

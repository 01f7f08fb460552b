"""What the machine says of itself, collected where the process starts; draws no conclusions."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from framework.identity.ptr import ptr_name

DOCKER_DNS = ("127.0.0.11", 53)
"""Docker's embedded DNS server, the same in every user-defined network."""
PTR_TIMEOUT = 0.3
"""Seconds to wait for it: it answers from memory, and where there is none the start must not hang."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The facts that identity sources look at.

    Attributes:
        hostname: as the kernel has it, maybe empty.
        cgroup: gives the text of `/proc/self/cgroup`, empty where there is none.
        in_docker: whether `/.dockerenv` exists.
        ptr: gives the name that Docker's DNS knows for the own address, or None; takes up to 0.3 s.
    """

    hostname: str
    cgroup: Callable[[], str] = str
    in_docker: bool = False
    ptr: Callable[[], str | None] = lambda: None

    @classmethod
    def here(cls) -> "HostFacts":
        """The facts of this machine; reads files and the network only when a source asks."""
        hostname = socket.gethostname()
        return cls(
            hostname=hostname,
            cgroup=lambda: _text_of(Path("/proc/self/cgroup")),
            in_docker=Path("/.dockerenv").exists(),
            ptr=cache(lambda: _own_ptr_name(hostname)),
        )


def boot_id() -> str:
    """The first digits of the id of this machine's boot, the same in all its containers; empty where there is none.

    Two machines may bear one name, as pods of two clusters do.
    """
    return _text_of(Path("/proc/sys/kernel/random/boot_id"))[:8]


def own_addresses(hostname: str, hosts: str) -> Iterator[str]:
    """The addresses, loopback aside, that the text of a hosts file gives to `hostname`.

    Docker writes each container's addresses there; asking the resolver instead could wait for seconds.
    """
    for line in hosts.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if hostname in names and _is_address(address) and not ip_address(address).is_loopback:
            yield address


def _own_ptr_name(hostname: str) -> str | None:
    address = next(own_addresses(hostname, _text_of(Path("/etc/hosts"))), None)
    return None if address is None else ptr_name(address, server=DOCKER_DNS, timeout=PTR_TIMEOUT)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

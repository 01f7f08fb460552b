"""What is read from the machine."""

import socket

from framework.identity import HostFacts
from framework.identity.host import own_addresses

HOSTS = """
127.0.0.1 localhost 3f2a9c0b1d4e
::1 localhost ip6-localhost
# 10.0.0.9 3f2a9c0b1d4e
172.18.0.4\t3f2a9c0b1d4e  # ours
172.19.0.2 other 3f2a9c0b1d4e
fe80::1%eth0 3f2a9c0b1d4e
nonsense 3f2a9c0b1d4e
172.18.0.5 neighbour
"""


def test_own_addresses() -> None:
    assert list(own_addresses("3f2a9c0b1d4e", HOSTS))[:2] == ["172.18.0.4", "172.19.0.2"]
    assert list(own_addresses("gone", HOSTS)) == []


def test_here_reads_this_machine() -> None:
    facts = HostFacts.here()
    assert facts.hostname == socket.gethostname()
    assert isinstance(facts.cgroup(), str)

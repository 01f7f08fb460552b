"""Free and taken ports."""

import socket
from collections.abc import Iterator

import pytest

from framework.errors import PortTakenError
from framework.exit_codes import ExitCode
from framework.localkafka.ports import HIGHEST, LOWEST, brokers_seen, free_ports, is_free, require_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_taken_port_is_refused_by_number(taken: int) -> None:
    assert not is_free(taken)
    with pytest.raises(PortTakenError, match=f"Port {taken} is in use") as raised:
        require_free([taken])
    assert raised.value.exit_code == ExitCode.PORT_TAKEN


def test_port_taken_on_all_addresses_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_free_ports_differ_and_avoid_those_given() -> None:
    first = free_ports(5)
    second = free_ports(5, taken=first)
    assert len({*first, *second}) == 10
    assert all(LOWEST <= port < HIGHEST for port in first)


def test_nobody_knows_no_brokers() -> None:
    assert brokers_seen(free_ports(1)[0]) == 0

"""What clients of aiokafka are told about the brokers."""

import ssl
from typing import Any

from framework.membership.connection import Connection
from framework.settings import Settings


def connection(**given: Any) -> Connection:
    return Connection.from_settings(Settings.load(environ={}, env_file=None, **given), "me")


def test_plain() -> None:
    found = connection(bootstrap_servers="a:1,b:2")
    assert found.options() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "client_id": "me",
        "security_protocol": "PLAINTEXT",
    }


def test_tls() -> None:
    security = connection(security_protocol="SSL").security
    assert security["security_protocol"] == "SSL"
    assert isinstance(security["ssl_context"], ssl.SSLContext)
    assert "sasl_mechanism" not in security


def test_login_is_passed_on_and_not_shown() -> None:
    found = connection(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_username="joe", sasl_password="secret"
    )
    assert found.security == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "joe",
        "sasl_plain_password": "secret",
    }
    assert "secret" not in repr(found)


def test_login_over_tls() -> None:
    found = connection(
        security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", sasl_username="joe", sasl_password="secret"
    )
    assert found.security["sasl_mechanism"] == "SCRAM-SHA-512"
    assert isinstance(found.security["ssl_context"], ssl.SSLContext)

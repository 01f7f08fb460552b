"""How a process reaches the brokers beside Faust: addresses, TLS and login as the settings have them; opens nothing."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from framework.settings import Settings


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client of aiokafka needs to know.

    Attributes:
        addresses: `host:port` of the brokers to ask first.
        security: aiokafka's options for TLS and SASL: `security_protocol`, and where they apply `ssl_context`,
            `sasl_mechanism`, `sasl_plain_username`, `sasl_plain_password`. Not shown: the password is among them.
        client_id: as the brokers show this client.
    """

    addresses: tuple[str, ...]
    security: Mapping[str, Any] = field(repr=False)
    client_id: str

    @classmethod
    def from_settings(cls, settings: Settings, client_id: str) -> Self:
        """As the settings have it."""
        return cls(settings.addresses, _security(settings), client_id)

    def options(self) -> dict[str, Any]:
        """Keyword arguments of every client of aiokafka."""
        return {"bootstrap_servers": list(self.addresses), "client_id": self.client_id, **self.security}


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """Whom to trust and what to show, for TLS with the brokers.

    Raises:
        OSError: a file that the settings name is missing or is no PEM file.
    """
    context = ssl.create_default_context(cafile=settings.ssl_cafile)
    if settings.ssl_certfile is not None:
        password = settings.ssl_key_password.get_secret_value() if settings.ssl_key_password else None
        context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password=password)
    return context


def _security(settings: Settings) -> dict[str, Any]:
    protocol = settings.security_protocol
    found: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        found["ssl_context"] = ssl_context(settings)
    if protocol.startswith("SASL"):
        password = settings.sasl_password
        found["sasl_mechanism"] = settings.sasl_mechanism
        found["sasl_plain_username"] = settings.sasl_username
        found["sasl_plain_password"] = password.get_secret_value() if password is not None else None
    return found

"""A Kafka that is reached over TLS by who shows a certificate and a password; its other listener is for the tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from framework.localkafka import LocalKafka
from framework.localkafka.ports import free_ports

USER, PASSWORD = "joe", "not-a-secret"
_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'


@dataclass(frozen=True, slots=True)
class TlsKafka:
    """Two ways to one broker.

    Attributes:
        bootstrap_servers: the plain one.
        environment: the settings with which a worker takes the other one.
    """

    bootstrap_servers: str
    environment: Mapping[str, str]


@contextmanager
def tls_kafka(folder: Path) -> Iterator[TlsKafka]:
    """Start the broker with an authority of its own, and end it."""
    authority = trustme.CA()
    trusted, ours, theirs = (folder / name for name in ("authority.pem", "broker.pem", "client.pem"))
    folder.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(trusted)
    _write(authority.issue_cert("127.0.0.1", "localhost"), ours)
    authority.issue_cert("client@test").private_key_and_cert_chain_pem.write_to_path(theirs)
    direct, secure, controller = free_ports(3)
    listeners = f"PLAINTEXT://127.0.0.1:{direct},SECURE://127.0.0.1:{secure}"
    properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(ours),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(trusted),
        # For a listener that logs in, this works by the listener's own name alone.
        "listener.name.secure.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": _LOGIN,
        "log.cleaner.enable": "false",
    }
    with LocalKafka.start(data=folder / "kafka", properties=properties, port=direct) as kafka:
        yield TlsKafka(
            kafka.bootstrap_servers,
            {
                "FRAMEWORK_BOOTSTRAP_SERVERS": f"127.0.0.1:{secure}",
                "FRAMEWORK_SECURITY_PROTOCOL": "SASL_SSL",
                "FRAMEWORK_SASL_MECHANISM": "PLAIN",
                "FRAMEWORK_SASL_USERNAME": USER,
                "FRAMEWORK_SASL_PASSWORD": PASSWORD,
                "FRAMEWORK_SSL_CAFILE": str(trusted),
                "FRAMEWORK_SSL_CERTFILE": str(theirs),
            },
        )


def _write(cert: trustme.LeafCert, path: Path) -> None:
    """Key and chain in one file; Java reads keys in PKCS 8 alone."""
    key = serialization.load_pem_private_key(cert.private_key_pem.bytes(), None)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + b"".join(part.bytes() for part in cert.cert_chain_pems)
    )

"""A broker that is reached over TLS."""

from collections.abc import Iterator

import pytest

from framework.testing import require_kafka
from tests.support.tls_kafka import TlsKafka, tls_kafka


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsKafka]:
    """The broker, and how to reach it."""
    require_kafka()
    with tls_kafka(tmp_path_factory.mktemp("tls-kafka")) as kafka:
        yield kafka

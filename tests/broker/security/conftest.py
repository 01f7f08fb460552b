"""A broker that is reached over TLS."""

import uuid
from collections.abc import Iterator

import pytest

from framework.testing import require_kafka, topic_stem
from tests.support.tls_kafka import TlsKafka, tls_kafka


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsKafka]:
    """The broker, and how to reach it."""
    require_kafka()
    with tls_kafka(tmp_path_factory.mktemp("tls-kafka")) as kafka:
        yield kafka


@pytest.fixture
def stem(request: pytest.FixtureRequest) -> str:
    """First part of the names of this test's topics."""
    return f"{topic_stem(request.node.name)[:80]}-{uuid.uuid4().hex[:6]}"

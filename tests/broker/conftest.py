"""A broker that creates topics by itself and obeys ACLs, for whoever needs one."""

from collections.abc import Iterator, Mapping

import pytest

from framework.localkafka import LocalKafka
from framework.testing import require_kafka

STRICT: Mapping[str, str] = {
    "log.cleaner.enable": "false",
    "auto.create.topics.enable": "true",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="session")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker with ACLs that creates topics by itself."""
    require_kafka()
    with LocalKafka.start(data=tmp_path_factory.mktemp("strict"), properties=STRICT) as kafka:
        yield kafka

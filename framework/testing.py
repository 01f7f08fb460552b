"""The pytest plugin for apps built on the framework: a real broker, topics, worker processes, and `eventually`.

Installed with the framework, so that the fixtures are simply there. It is loaded by every pytest run of everybody who
has the framework installed: it imports nothing heavy before a fixture is used.
"""

import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from framework.testing_worker import WorkerFactory, WorkerProcess

T = TypeVar("T")

EXTERNAL_BROKER = "KAFKA_TEST_BOOTSTRAP_SERVERS"
"""Name of the environment variable with the `host:port` of a Kafka to use instead of starting one."""


def eventually(check: Callable[[], T], within: float = 10.0, every: float = 0.05) -> T:
    """Call `check` until it returns something true, and return that.

    Args:
        check: is called at least once, and once more when the time is up.
        within: seconds to try.
        every: seconds between calls.

    Raises:
        AssertionError: it never did; the message has what it returned or raised last.
    """
    end = time.monotonic() + within
    while True:
        is_last = time.monotonic() >= end
        try:
            if result := check():
                return result
        # Whatever a check raises while the thing it waits for is not there yet means "not yet".
        except Exception as error:
            if is_last:
                raise AssertionError(f"not within {within} s; the last try raised {error!r}") from error
        else:
            if is_last:
                raise AssertionError(f"not within {within} s; the last try returned {result!r}")
        time.sleep(every)


class Broker(Protocol):
    """What `kafka_broker` gives."""

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, comma-separated."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalBroker:
    """A Kafka that was there before the tests."""

    bootstrap_servers: str


_WORKERS = pytest.StashKey[list[WorkerProcess]]()


@dataclass(slots=True)
class TopicFactory:
    """What `kafka_topic` gives: call it to create a topic."""

    bootstrap_servers: str
    stem: str
    created: list[str] = field(default_factory=list)

    def __call__(
        self,
        name: str = "",
        *,
        partitions: int = 8,
        replication: int = 1,
        configs: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic and return its name: that of the test, then `name`, then something that makes it unique.

        Args:
            name: tells several topics of a test apart.
            partitions: number of partitions.
            replication: copies of each.
            configs: `{topic config: value}`.
        """
        from kafka.admin import KafkaAdminClient, NewTopic

        topic = "-".join(filter(None, (self.stem, name, uuid.uuid4().hex[:6])))
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            wanted = NewTopic(topic, partitions, replication, topic_configs=dict(configs or {}))
            admin.create_topics([wanted])
            self.created.append(topic)
            eventually(lambda: topic in admin.list_topics())
        finally:
            admin.close()
        return topic

    def delete_all(self) -> None:
        """Delete what was created."""
        from kafka.admin import KafkaAdminClient

        if self.created:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
            try:
                admin.delete_topics(self.created)
            finally:
                admin.close()


def require_kafka() -> None:
    """Skip the test where no Kafka can be started (no Java, no Maven), or fail it when `CI` is set."""
    from framework.errors import LocalKafkaError
    from framework.localkafka import Tools, find_runtime

    try:
        find_runtime(Tools.from_environ(os.environ))
    except LocalKafkaError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka_properties() -> Mapping[str, str]:
    """`{server property: value}` for `kafka_broker`; override it in a `conftest.py` to change them."""
    return {"log.cleaner.enable": "false"}


@pytest.fixture(scope="session")
def kafka_broker(kafka_properties: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Apache Kafka for the whole test session.

    It is the one that `KAFKA_TEST_BOOTSTRAP_SERVERS` names, else one that is started here. Where neither can be
    had, tests that need it are skipped, or fail when the environment variable `CI` is set: there nobody reads what was
    skipped.
    """
    if external := os.environ.get(EXTERNAL_BROKER):
        yield ExternalBroker(external)
        return
    from framework.localkafka import LocalKafka

    require_kafka()
    folder = tmp_path_factory.mktemp("kafka")
    with LocalKafka.start(data=folder, properties=kafka_properties) as kafka:
        yield kafka


@pytest.fixture
def kafka_topic(kafka_broker: Broker, request: pytest.FixtureRequest) -> Iterator[TopicFactory]:
    """Creates topics named after the test; deletes them afterwards."""
    factory = TopicFactory(kafka_broker.bootstrap_servers, topic_stem(request.node.name))
    yield factory
    factory.delete_all()


@pytest.fixture
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerFactory]:
    """Starts workers as real processes; kills them afterwards, and shows their output when the test failed."""

    def bootstrap_servers() -> str:
        broker: Broker = request.getfixturevalue("kafka_broker")
        return broker.bootstrap_servers

    factory = WorkerFactory(bootstrap_servers, request.config.rootpath, tmp_path, shown_on_failure(request.node))
    yield factory
    factory.stop_all()


def shown_on_failure(item: pytest.Item) -> list[WorkerProcess]:
    """The workers of a test: if it fails, its report has the output of those that were appended."""
    return item.stash.setdefault(_WORKERS, [])


def topic_stem(test_name: str) -> str:
    """The part of a topic's name that a test's name gives: Kafka allows letters, digits, `.`, `_` and `-`."""
    legal = (letter if letter.isascii() and letter.isalnum() else "-" for letter in test_name)
    return "-".join(filter(None, "".join(legal).split("-")))[:150]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the output of a failed test's workers to its report."""
    report = yield
    if report.failed:
        for process in item.stash.get(_WORKERS, []):
            report.sections.append((f"worker {process.pid}, all of it in {process.log}", process.output()[-10000:]))
    return report

"""What a person is told about a roster that cannot be used."""

import ssl

import aiokafka.errors as kafka_errors
import pytest

from framework.errors import RosterUnavailableError
from framework.exit_codes import ExitCode
from framework.membership.roster_silence import Doubt
from framework.membership.roster_topic import RosterMissingError, Use, doubtful, fitting, unavailable
from tests.support.roster import connection


def sentence(use: Use, exc: BaseException) -> str:
    return str(unavailable(connection("kafka:9092"), "g-roster", use, exc))


@pytest.mark.parametrize(
    ("use", "exc", "says"),
    [
        (Use.READ, kafka_errors.TopicAuthorizationFailedError(), "Grant READ and DESCRIBE on the topic."),
        (Use.WRITE, kafka_errors.TopicAuthorizationFailedError(), "Grant WRITE and DESCRIBE on the topic."),
        (Use.CREATE, kafka_errors.TopicAuthorizationFailedError(), "Grant CREATE on the topic"),
        (Use.CREATE, kafka_errors.ClusterAuthorizationFailedError(), "Grant CREATE on the topic"),
        (Use.CREATE, kafka_errors.InvalidReplicationFactorError(), "FRAMEWORK_TOPIC_REPLICATION_FACTOR"),
        (Use.CREATE, kafka_errors.PolicyViolationError("three copies, please"), "three copies, please"),
        (Use.READ, kafka_errors.UnknownTopicOrPartitionError(), "it does not exist"),
        (Use.WRITE, kafka_errors.SaslAuthenticationFailed(), "FRAMEWORK_SASL_PASSWORD"),
        (Use.WRITE, ssl.SSLError(1, "certificate verify failed"), "FRAMEWORK_SSL_CAFILE"),
        (Use.WRITE, ConnectionRefusedError(111, "Connection refused"), "at kafka:9092 (Connection refused)"),
        (Use.WRITE, TimeoutError(), "at kafka:9092 (no answer in time)"),
        (Use.WRITE, kafka_errors.KafkaConnectionError("closed"), "FRAMEWORK_BOOTSTRAP_SERVERS"),
        (Use.READ, kafka_errors.UnsupportedCodecError("no zstd"), "no zstd"),
    ],
)
def test_sentence(use: Use, exc: BaseException, says: str) -> None:
    text = sentence(use, exc)
    assert text.startswith(f"The roster topic 'g-roster' cannot be {use}: ")
    assert says in text
    assert text.endswith(".")
    assert unavailable(connection("kafka:9092"), "g-roster", use, exc).exit_code is ExitCode.NOT_ALLOWED


@pytest.mark.parametrize("use", list(Use))
def test_missing_topic_is_told_from_other_troubles(use: Use) -> None:
    where = connection("kafka:9092"), "g-roster", use
    assert type(unavailable(*where, kafka_errors.UnknownTopicOrPartitionError())) is RosterMissingError
    assert type(unavailable(*where, kafka_errors.TopicAuthorizationFailedError())) is RosterUnavailableError


@pytest.mark.parametrize(
    ("doubt", "problem", "says"),
    [
        (Doubt.UNREADABLE, "", "Check that the brokers run."),
        (Doubt.UNREADABLE, "It does not exist.", "It does not exist."),
        (Doubt.UNWRITABLE, "", "Grant WRITE and DESCRIBE on the topic."),
        (Doubt.TOO_EARLY, "", "'g-roster' could not be used until a moment ago."),
    ],
)
def test_doubt(doubt: Doubt, problem: str, says: str) -> None:
    text = doubtful(connection("kafka:9092"), "g-roster", doubt, problem)
    assert says in text
    assert text.endswith("Nobody can tell yet which workers live: try again later.")


def test_unknown_error_keeps_its_number() -> None:
    assert "error 444" in sentence(Use.WRITE, kafka_errors.UnknownError("error 444"))


@pytest.mark.parametrize(("partition", "partitions", "used"), [(0, 1, 0), (1, 1, 0), (1, 2, 1), (1, 5, 1), (0, 0, 0)])
def test_topic_with_fewer_partitions(partition: int, partitions: int, used: int) -> None:
    assert fitting(partition, partitions) == used

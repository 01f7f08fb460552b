"""Workers that reach their brokers over TLS alone, with a certificate and a password, do what others do."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from framework.testing import eventually, shown_on_failure
from tests.support.both_paths import PATHS, Starter
from tests.support.both_paths_broker import BrokerSide, Input
from tests.support.observed import PARTITIONS
from tests.support.scenario import Plan, Scenario
from tests.support.tls_kafka import TlsKafka
from tests.support.totals import assert_totals_are_exact, drain, keeps_up, with_tables

pytestmark = pytest.mark.broker

COUNT = 20_000
LARGE = 700_000
"""Bytes of a record that takes many records of TLS."""

LONGEST = 240
"""Seconds for the takeover, which waits for much."""

FAILOVER_AFTER = 5.0
WITHIN = 25.0
"""Seconds; how fast a takeover is, is looked at elsewhere."""


@pytest.fixture
def start(tls: TlsKafka, tmp_path: Path, unique_name: str, request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Starts workers; ends them afterwards, and shows their logs where the test failed."""
    starter = Starter(unique_name, tls.bootstrap_servers, tmp_path, shown_on_failure(request.node))
    yield starter
    starter.discard()


@pytest.mark.parametrize("path", PATHS)
def test_records_are_read_and_sent(tls: TlsKafka, start: Starter, path: str) -> None:
    with BrokerSide(tls.bootstrap_servers) as broker:
        source, copies = (f"{start.prefix}-{name}" for name in ("bulk", "bulk-copies"))
        broker.create([source, copies], partitions=1)
        count = COUNT if path == "fast" else COUNT // 10
        values = [json.dumps({"n": n, "pad": "x" * 500}).encode() for n in range(count)]
        values[count // 2] = b'"%b"' % (b"y" * LARGE)
        broker.send({source: [Input(value, key=b"k") for value in values]})
        worker = start("bulk", path, environment={**tls.environment, "FRAMEWORK_COMMIT_INTERVAL": "0.1"})
        with worker.log_on_failure():
            eventually(lambda: broker.committed(worker.group_id).get((source, 0)) == count, within=30.0)
            assert worker.stop() == 0
        assert [record.value for record in broker.read(copies)] == values


@pytest.mark.timeout(LONGEST)
def test_shadow_takes_a_seat(tls: TlsKafka, tmp_path: Path, unique_name: str) -> None:
    environment = with_tables(FRAMEWORK_FAILOVER_AFTER=str(FAILOVER_AFTER), **tls.environment)
    plan = Plan(workers=("w0", "w1"), standbys=("standby-0",), rate=80.0, environment=environment)
    with Scenario(unique_name, tls.bootstrap_servers, tmp_path, plan) as scenario:
        scenario.all_protected(60.0)
        keeps_up(scenario)
        victim = scenario.worker("w0")
        victim.kill()
        recovery = scenario.recovery(time.monotonic(), range(PARTITIONS), not_by=victim.pids())
        assert recovery <= FAILOVER_AFTER + WITHIN
        drain(scenario)
        scenario.finish()
        assert_totals_are_exact(scenario)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"FRAMEWORK_SASL_PASSWORD": "another"}, "Check FRAMEWORK_SASL_USERNAME"),
        ({"FRAMEWORK_SSL_CERTFILE": ""}, "does it ask for a certificate (FRAMEWORK_SSL_CERTFILE)"),
        ({"FRAMEWORK_SSL_CAFILE": ""}, "Set FRAMEWORK_SSL_CAFILE"),
    ],
    ids=["password", "no-certificate", "authority"],
)
def test_who_is_refused_is_told(tls: TlsKafka, start: Starter, wrong: Mapping[str, str], sentence: str) -> None:
    environment = {key: value for key, value in {**tls.environment, **wrong}.items() if value}
    worker = start("bulk", "fast", environment={**environment, "FRAMEWORK_BROKER_WAIT": "2"})
    assert worker.process.wait(30.0) != 0
    assert sentence in worker.log, worker.log

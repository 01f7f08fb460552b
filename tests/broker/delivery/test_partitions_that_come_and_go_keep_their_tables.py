"""A worker comes and goes: its partitions are followed by the one that stays, and are its own again, with all keys."""

from collections import Counter

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

KEYS = 20
"""A partition."""

FEWER = 3
"""Keys that have their last record in a round."""

ROUNDS = 3
QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_LEAVE_POLICY": "always"}


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_partitions_that_come_and_go_keep_their_tables(
    start: Starter, broker: BrokerSide, path: str, store: str
) -> None:
    topic, counts = f"{start.prefix}-numbers", Counter[str]()
    environment = {**QUICK, "FRAMEWORK_STORE": store}
    broker.create([topic])

    def send(number: int) -> None:
        """One more record of each key but those of earlier rounds; wait until all are committed."""
        keys = [(f"k{n}-{partition}", partition) for n in range(number * FEWER, KEYS) for partition in (0, 1)]
        counts.update(key for key, _ in keys)
        broker.send({topic: [Input(b"1", key=key.encode(), partition=partition) for key, partition in keys]})
        ends = {(topic, partition): counts.total() // 2 for partition in (0, 1)}
        eventually(lambda: broker.committed(start.prefix) == ends, within=20.0)

    stays = start("counted", path, label="stays", environment=environment)
    with stays.log_on_failure():
        send(0)
        for number in range(ROUNDS):
            guest = start("counted", path, label=f"guest-{number}", environment=environment)
            with guest.log_on_failure():
                eventually(lambda guest=guest: guest.events("membership.joined"), within=20.0)
                send(2 * number + 1)
                assert guest.page("/counts/"), "it had no partition"
                assert guest.stop() == 0
            send(2 * number + 2)
            eventually(lambda: stays.page("/counts/") == counts, within=10.0)
        assert stays.stop() == 0

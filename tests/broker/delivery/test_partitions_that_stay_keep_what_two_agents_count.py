"""A partition stays with its worker over rebalances: its table has what both agents have counted, before and after."""

from collections import Counter

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

KEYS = 10
"""A partition."""

ROUNDS = 2
QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_LEAVE_POLICY": "always"}


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_partitions_that_stay_keep_what_two_agents_count(
    start: Starter, broker: BrokerSide, path: str, store: str
) -> None:
    numbers, more = f"{start.prefix}-numbers", f"{start.prefix}-more"
    counts, sent = Counter[str](), Counter[str]()
    environment = {**QUICK, "FRAMEWORK_STORE": store}
    broker.create([numbers, more])

    def send(topic: str, numbers_of_keys: range = range(KEYS)) -> None:
        """One more record of each key; wait until all are committed."""
        keys = [(f"k{n}-{partition}", partition) for n in numbers_of_keys for partition in (0, 1)]
        counts.update(key for key, _ in keys)
        sent[topic] += len(numbers_of_keys)
        broker.send({topic: [Input(b"1", key=key.encode(), partition=partition) for key, partition in keys]})
        ends = {(name, partition): count for name, count in sent.items() for partition in (0, 1)}
        eventually(lambda: broker.committed(start.prefix) == ends, within=20.0)

    stays = start("counted_by_two", path, label="stays", environment=environment)
    with stays.log_on_failure():
        send(numbers)
        for number in range(ROUNDS):
            # The last that is known of `numbers` is its record of the last key, and of `more` one of the first key.
            for _ in range(3):
                send(more)
            for _ in range(2):
                send(more, range(1))
            guest = start("counted_by_two", path, label=f"guest-{number}", environment=environment)
            with guest.log_on_failure():
                eventually(lambda guest=guest: guest.events("membership.joined"), within=20.0)
                eventually(lambda guest=guest: guest.page("/counts/"), within=10.0)
                eventually(lambda guest=guest: {**stays.page("/counts/"), **guest.page("/counts/")} == counts, 10.0)
                send(more)
                send(more, range(1))
                assert guest.stop() == 0
            eventually(lambda: stays.page("/counts/") == counts, within=10.0)
        assert stays.stop() == 0

    again = start("counted_by_two", path, label="again", environment={**environment, "FRAMEWORK_STORE": "memory://"})
    with again.log_on_failure():
        eventually(lambda: again.page("/counts/") == counts, within=20.0)
        assert again.stop() == 0

"""Where records are gone from a changelog the shadow goes on behind them, and its lag is right; none can stop it."""

from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from tests.support.shadows import Shadows, until

pytestmark = pytest.mark.broker


def test_beginning_is_deleted(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        shadows.write(totals, [(f"k{n}", n) for n in range(100)])
        delete_before(shadows, totals, 60)
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        assert set(one.table("totals").data) == {f"k{n}" for n in range(60, 100)}

    shadows.run(scenario)


def test_everything_is_deleted(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        shadows.write(totals, [(f"k{n}", n) for n in range(100)])
        delete_before(shadows, totals, 100)
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        assert await one.shadow.catch_up(5.0)
        assert one.shadow.has_caught_up

    shadows.run(scenario)


def test_transactions_leave_markers(shadows: Shadows) -> None:
    """The last offsets of a changelog hold no record; waiting for one would never end."""

    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        producer = KafkaProducer(bootstrap_servers=shadows.bootstrap_servers, transactional_id=shadows.group_id)
        producer.init_transactions()
        for n in range(3):
            producer.begin_transaction()
            producer.send(totals, key=b'"k"', value=str(n).encode(), partition=0)
            producer.commit_transaction()
        producer.close()
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        assert await one.shadow.catch_up(5.0)
        assert one.table("totals").data["k"] == 2

    shadows.run(scenario)


def test_record_that_cannot_be_decoded_is_told(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        records: list[tuple[Any, Any]] = [(b'"a"', b"1"), (b'"b"', b"{no json"), (b'"c"', b"3")]
        shadows.write(totals, records, raw=True)
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        assert dict(one.table("totals").data) == {"a": 1, "c": 3}
        assert f"{totals}[0]@1 cannot be applied" in one.shadow.problem
        assert not one.shadow.has_caught_up

    shadows.run(scenario)


def delete_before(shadows: Shadows, topic: str, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=shadows.bootstrap_servers)
    try:
        admin.delete_records({TopicPartition(topic, 0): offset})
    finally:
        admin.close()

"""A static shadow that is started again keeps its seat, wishes anew, and reads what its store does not have."""

from collections.abc import Sequence
from typing import Any

import pytest

from framework.errors import FencedError
from tests.support.shadows import Shadows, until

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(("store", "read_again"), [("memory://", 50), ("rocksdb://", 0)])
def test_static_restart_with_another_wish(shadows: Shadows, store: str, read_again: int) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={}, store=store)
        totals = one.changelog("totals")
        shadows.write(totals, [(f"k{n}", n) for n in range(50)], partition=0)
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        await one.shadow.stop(leave=False)
        one.end()

        again = await shadows.start("s-0", follow={}, store=store, incarnation="2")
        applied: list[Any] = []
        apply = again.shadow._applier.apply

        async def counting(tp: Any, records: Sequence[Any]) -> None:
            applied.extend(records)
            await apply(tp, records)

        again.shadow._applier.apply = counting
        await again.shadow.follow({totals: [0, 1]})
        await until(lambda: set(again.shadow.lags().values()) == {0} and len(again.shadow.lags()) == 4)
        assert await again.shadow.catch_up(5.0)
        assert len(applied) == read_again
        assert again.table("totals").data["k49"] == 49
        assert again.told.failures == []
        assert (await shadows.group()).seats == {"s-0"}

    shadows.run(scenario)


def test_grant_that_was_made_for_the_process_before_is_refused_at_once(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().get((totals, 0)) == 0)
        await one.shadow.stop(leave=False)
        again = await shadows.start("s-0", follow={totals: [1]}, incarnation="2")
        await until(lambda: again.shadow.lags().get((totals, 1)) == 0, within=3.0)

    shadows.run(scenario)


def test_older_of_two_with_one_id_is_told(shadows: Shadows) -> None:
    async def scenario() -> None:
        older = await shadows.start("s-0", heartbeat_interval_ms=200)
        await until(lambda: older.told.joined)
        newer = await shadows.start("s-0", incarnation="2")
        await until(lambda: older.told.failures)
        assert isinstance(older.told.failures[0], FencedError)
        await until(lambda: newer.shadow.has_caught_up and newer.told.joined)
        assert newer.told.failures == []

    shadows.run(scenario)

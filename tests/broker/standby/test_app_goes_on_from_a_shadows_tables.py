"""An app that is started in the shadow's process finds its tables as they were left, and replays only what is new."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from tests.support.shadows import Shadows, until

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_promotion_in_process(shadows: Shadows, store: str) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", store=store)
        totals, tags = one.changelog("totals"), one.changelog("tags")
        shadows.write(totals, [(f"k{n}", n) for n in range(100)])
        shadows.write(tags, [([1, "k"], "red"), ([1, "k"], "green")])
        await until(lambda: set(one.shadow.lags().values()) == {0})
        assert await one.shadow.catch_up(5.0)
        await one.shadow.let_go()
        await one.shadow.follow({})
        assert one.app.tables.applied[TP(totals, 0)] == 99, "nobody empties a table that is in use"
        shadows.write(totals, [("k0", 1000)])

        replayed: list[Any] = []

        async def note(event: Any) -> None:
            replayed.append(event.key)

        one.app.tables["totals"]._on_changelog_event = note
        await one.app.start()
        try:
            shadows.write(f"{shadows.group_id}-in", [("x", {"key": "k0", "amount": 5})])
            await until(lambda: written(one) == 1005)
            assert replayed == ["k0"]
            assert one.table("tags").data["k"].data == {"red", "green"}
            await one.shadow.stop(leave=True)
            assert one.told.failures == []
        finally:
            await one.app.stop()

    def written(one: Any) -> Any:
        return one.table("totals").data.get("k0")

    async def bounded() -> None:
        await asyncio.wait_for(scenario(), 40.0)

    shadows.run(bounded)

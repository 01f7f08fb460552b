"""A standby that wishes for something else gets it in a moment; the others keep what they have, and go on there."""

import pytest

from tests.support.shadows import Shadows, Standby, until

pytestmark = pytest.mark.broker


def granted(standby: Standby) -> set[tuple[str, int]]:
    return {(tp.topic, tp.partition) for tp, lag in standby.shadow.lags().items() if lag is not None}


def test_wish_is_changed(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals, tags = one.changelog("totals"), one.changelog("tags")
        rates = {(one.changelog("rates"), 0), (one.changelog("rates"), 1)}
        shadows.write(totals, [(f"k{n}", n) for n in range(100)], partition=0)
        shadows.write(totals, [(f"j{n}", n) for n in range(100)], partition=1)
        shadows.write(tags, [([1, "k"], "red")], partition=0)
        await one.shadow.follow({totals: [0], "of-another-app-changelog": [0]})
        two = await shadows.start("s-1", follow={totals: [0, 1]})
        await until(lambda: granted(one) == rates | {(totals, 0)})
        await until(lambda: granted(two) == rates | {(totals, 0), (totals, 1)})
        assert await one.shadow.catch_up(10.0)
        assert await two.shadow.catch_up(10.0)
        assert len(one.table("totals").data) == 100
        assert len(two.table("totals").data) == 200

        applied = []
        apply = two.shadow._applier.apply
        two.shadow._applier.apply = lambda tp, records: applied.extend(records) or apply(tp, records)
        await one.shadow.follow({totals: [1], tags: [0]})
        await until(lambda: granted(one) == rates | {(totals, 1), (tags, 0)})
        assert await one.shadow.catch_up(10.0)
        assert set(one.table("totals").data) == {f"j{n}" for n in range(100)}, "keys of partition 0 stayed"
        assert one.table("tags").data["k"].data == {"red"}
        await until(lambda: granted(two) == rates | {(totals, 0), (totals, 1)})
        assert applied == []

        await one.shadow.follow({totals: [1]})
        await until(lambda: granted(one) == rates | {(totals, 1)})
        assert "k" not in one.table("tags").data.data

    shadows.run(scenario)


def test_database_of_a_partition_that_is_no_longer_shadowed_is_closed(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={}, store="rocksdb://")
        totals = one.changelog("totals")
        shadows.write(totals, [("k", 1)], partition=0)
        await one.shadow.follow({totals: [0]})
        await until(lambda: one.shadow.lags().keys() >= {(totals, 0)} and one.shadow.has_caught_up)

        two = await shadows.start("s-1", follow={totals: [0]}, store="rocksdb://", datadir=shadows.folder / "s-0")
        two.app.conf.tabledir = one.app.conf.tabledir
        await until(lambda: "cannot be opened" in two.shadow.problem)
        assert two.shadow.lags()[totals, 0] is None
        await one.shadow.follow({})
        await until(lambda: two.shadow.lags()[totals, 0] == 0)
        assert two.table("totals").data["k"] == 1

    shadows.run(scenario)

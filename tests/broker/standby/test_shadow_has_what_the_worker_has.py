"""A shadow's tables of all kinds hold what a worker has written to its own."""

import time
from contextlib import suppress

import pytest

from framework.testing import WorkerFactory
from tests.support.shadows import Shadows, Standby, until
from tests.support.tables_app import Account

pytestmark = pytest.mark.broker

KEYS = [f"k{number}" for number in range(20)]
ROUNDS = 5


def changes(shadows: Shadows) -> None:
    for partition in (0, 1):
        keys = KEYS[partition::2]
        amounts = [{"key": key, "amount": amount} for amount in range(1, ROUNDS + 1) for key in keys]
        gone = [{"key": key, "amount": 0, "gone": True} for key in keys[:3]]
        shadows.write(f"{shadows.group_id}-in", [("x", each) for each in [*amounts, *gone]], partition)


def held(standby: Standby) -> object:
    total = sum(range(1, ROUNDS + 1))
    for key in KEYS:
        is_gone = key in KEYS[:6]
        assert (key in standby.table("totals").data) is not is_gone
        assert is_gone or standby.table("totals").data[key] == total
        assert standby.table("accounts").data[key] == Account(total=total)
        assert standby.table("tags").data[key].data == set(range(1, ROUNDS + 1))
        assert standby.table("rates").data[key] == ROUNDS
        windows = standby.table("windows")
        (window,) = windows._window_ranges(time.time())
        assert windows.data[key, window] == total
    return True


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_tables_of_all_kinds(shadows: Shadows, worker: WorkerFactory, store: str) -> None:
    names = {"TABLES_GROUP": shadows.group_id, "TABLES_IN": f"{shadows.group_id}-in", "FRAMEWORK_INSTANCE_ID": "w-0"}
    worker("tests.support.tables_app:app", environment={**names, "FRAMEWORK_STORE": store})

    async def scenario() -> None:
        standby = await shadows.start(store=store)
        changes(shadows)
        await until(lambda: set(standby.shadow.lags().values()) == {0} and is_complete(standby), within=30.0)
        assert await standby.shadow.catch_up(10.0)
        held(standby)
        assert standby.shadow.problem == ""
        assert standby.shadow.has_caught_up

    shadows.run(scenario)


def is_complete(standby: Standby) -> bool:
    with suppress(AssertionError, KeyError):
        return bool(held(standby))
    return False

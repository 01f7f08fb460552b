"""Changelog records that cannot be decoded are left out, as in Faust; recovery ends, and the others are applied."""

import asyncio
from typing import Any

import faust
import pytest
from faust.types import TP
from structlog.testing import capture_logs

from framework.streams.tables.recovery import Recovery
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, do_nothing
from tests.unit.streams.tabled import message_of

TOTALS = TP("flights-totals-changelog", 0)


class Total(faust.Record):
    """Records that are older than `since` do not have it."""

    count: int
    since: int


GOOD, BAD = b'{"count": 1, "since": 1}', b'{"count": 2}'


@pytest.fixture(autouse=True)
def generation(monkeypatch: pytest.MonkeyPatch) -> None:
    from framework import App

    monkeypatch.setattr(App, "consumer_generation_id", 1, raising=False)


@pytest.mark.parametrize("role", ["active", "standby"])
@pytest.mark.parametrize(
    "values", [(GOOD, BAD, GOOD), (GOOD, BAD), (BAD, BAD, GOOD)], ids=["in the middle", "at the end", "first"]
)
@pytest.mark.parametrize("is_key", [False, True])
def test_it_is_left_out_and_those_behind_it_are_applied(role: str, values: tuple[bytes, ...], is_key: bool) -> None:
    async def scenario() -> None:
        feeding = Feeding(TOTALS)
        app, tables = feeding.app, feeding.app.tables
        table = app.Table("totals", value_type=Total, recovery_buffer_size=1, standby_buffer_size=1)
        table.maybe_start = do_nothing
        await tables._update_channels()
        await feeding.index()
        app.assignor.assigned_actives = lambda: {TOTALS} if role == "active" else set()
        app.assignor.assigned_standbys = lambda: {TOTALS} if role == "standby" else set()
        recovery: Any = tables.recovery
        await recovery.on_rebalance({TOTALS}, set(), set(), 1)
        recovery.active_highwaters[TOTALS] = len(values) - 1
        recovery._set_recovery_started()
        task = asyncio.ensure_future(Recovery._slurp_changelogs.fun(recovery))
        with capture_logs() as logs:
            for offset, value in enumerate(values):
                key = b"[" if is_key and value is BAD else b'"k%d"' % offset
                await app.topics.on_message(message_of(TOTALS, offset, key=key, value=value, headers=()))
            await settle()
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert dict(table.data) == {f"k{n}": Total(1, 1) for n, value in enumerate(values) if value is GOOD}
        assert getattr(recovery, f"{role}_offsets")[TOTALS] == len(values) - 1
        assert recovery.in_recovery is (role == "standby")
        told = [entry for entry in logs if entry["event"] == "tables.undecodable"]
        assert [(entry["topic"], entry["offset"]) for entry in told] == [(TOTALS.topic, values.index(BAD))]
        await feeding.end()

    run(scenario)

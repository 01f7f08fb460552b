"""Recovery begins where a shadow has come to, and applies each record of the partitions that are followed, in order."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from faust.events import Event
from faust.types import TP

from framework.streams.tables import recovery as module
from framework.streams.tables.recovery import TURN, Recovery
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.tabled import message_of

TOTALS = TP("flights-totals-changelog", 0)
RATES = TP("flights-rates-changelog", 0)
HEADERS = (("framework-source", b"1000 5 1 0 flights sums"),)


class Changelogs:
    """A worker's tables `totals` and, global, `rates`, and what the consumer would deliver to them."""

    def __init__(self) -> None:
        self.app: Any = offline_app()
        self.app.consumer_generation_id = 1
        self.app._consumer = SimpleNamespace(consumer_generation_id=1)
        self.totals = self.app.Table("totals", default=int, recovery_buffer_size=1)
        self.rates = self.app.GlobalTable("rates", default=int, recovery_buffer_size=1)
        self.tables: Any = self.app.tables
        self.tables.changelog_topics  # noqa: B018 - as Faust makes it
        self.recovery: Recovery = self.tables.recovery
        self.seeks: list[Any] = []

    async def assign(
        self, *, actives: set[TP] = frozenset(), standbys: set[TP] = frozenset(), revoked: set[TP] = frozenset()
    ) -> None:
        self.app.assignor.assigned_actives = lambda: set(actives)
        self.app.assignor.assigned_standbys = lambda: set(standbys)
        await self.recovery.on_rebalance(set(actives | standbys), set(revoked), set(), self.app.consumer_generation_id)

    def put(self, tp: TP, *offsets: int) -> None:
        for offset in offsets:
            message = message_of(tp, offset, key=b'"k"', value=b"%d" % offset, headers=HEADERS)
            self.tables.changelog_queue.force_put_nowait(Event(self.app, "k", offset, {}, message))

    async def seek(self, *tps: TP) -> None:
        async def seek_wait(offsets: Any) -> None:
            self.seeks.append(offsets)

        consumer: Any = SimpleNamespace(seek_wait=seek_wait)
        await self.recovery._seek_offsets(consumer, set(tps), self.recovery.standby_offsets, "standby")

    async def apply(self) -> None:
        """Run the task that applies until it has nothing more to do."""
        task = asyncio.ensure_future(Recovery._slurp_changelogs.fun(self.recovery))
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def generation(monkeypatch: pytest.MonkeyPatch) -> None:
    from framework import App

    monkeypatch.setattr(App, "consumer_generation_id", 1, raising=False)


def test_it_begins_behind_what_a_shadow_has_applied() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.tables.applied[TOTALS] = 41
        await changelogs.assign(actives={TOTALS})
        assert changelogs.recovery.active_offsets[TOTALS] == 41

    run(scenario)


def test_what_recovery_has_read_since_is_further_than_what_the_shadow_had() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.tables.applied[TOTALS] = 41
        await changelogs.assign(actives={TOTALS})
        changelogs.recovery.active_offsets[TOTALS] = 90
        await changelogs.assign(actives={TOTALS})
        assert changelogs.recovery.active_offsets[TOTALS] == 90

    run(scenario)


def test_nothing_is_taken_for_applied_after_a_revoke() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.tables.applied[TOTALS] = 41
        await changelogs.assign(actives={TOTALS})
        await changelogs.assign(revoked={TOTALS})
        await changelogs.assign(actives={TOTALS})
        assert changelogs.recovery.active_offsets[TOTALS] is None

    run(scenario)


def test_nothing_is_taken_for_applied_of_partitions_that_the_seat_does_not_have() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.tables.applied = {TOTALS: 41, RATES: 7}
        changelogs.tables.sources.note(message_of(TOTALS, 41, headers=HEADERS))
        await changelogs.assign(standbys={RATES})
        assert changelogs.tables.applied == {RATES: 7}
        assert changelogs.tables.sources.known() == set()
        assert changelogs.recovery.standby_offsets[RATES] == 7

    run(scenario)


def test_records_of_a_global_table_survive_that_the_flow_is_resumed() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(standbys={RATES})
        changelogs.put(RATES, 1, 2)
        changelogs.app.flow_control.resume()
        changelogs.put(RATES, 3)
        await changelogs.apply()
        assert changelogs.recovery.standby_offsets[RATES] == 3
        assert changelogs.rates.data["k"] == 3

    run(scenario)


def test_what_is_read_again_is_not_passed_over_for_what_was_read_before() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS}, standbys={RATES})
        changelogs.put(RATES, 7)
        changelogs.put(TOTALS, 1)
        await changelogs.seek(RATES)
        changelogs.put(RATES, 5, 6)
        applied: list[int] = []
        changelogs.rates._on_changelog_event = lambda event: remember(applied, event)
        await changelogs.apply()
        assert applied == [5, 6]
        assert changelogs.totals.data["k"] == 1

    run(scenario)


async def remember(applied: list[int], event: Any) -> None:
    applied.append(event.message.offset)


def test_what_is_dropped_while_a_callback_waits_is_not_applied() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(standbys={RATES})
        changelogs.put(RATES, 1, 7)
        applied: list[int] = []

        async def seek_back(event: Any) -> None:
            applied.append(event.message.offset)
            if event.message.offset == 1:
                await changelogs.seek(RATES)
                changelogs.put(RATES, 2, 3)

        changelogs.rates._on_changelog_event = seek_back
        await changelogs.apply()
        assert applied == [1, 2, 3]

    run(scenario)


@pytest.mark.parametrize(("applied", "position"), [(None, 0), (-1, 0), (0, 1), (41, 42)])
def test_it_reads_on_behind_the_last_record_applied_which_may_be_gone(applied: int | None, position: int) -> None:
    """Faust counts from the one before the first of the log, -1 in a whole one."""

    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(standbys={RATES})
        changelogs.recovery.standby_offsets[RATES] = applied
        await changelogs.seek(RATES)
        assert changelogs.seeks == [{RATES: position}]

    run(scenario)


def test_partitions_that_are_up_to_date_from_the_beginning_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET", 0.001)

    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.tables.applied[RATES] = 41
        await changelogs.assign(standbys={RATES})
        changelogs.recovery.standby_highwaters[RATES] = 42
        task = asyncio.ensure_future(Recovery._slurp_changelogs.fun(changelogs.recovery))
        await asyncio.sleep(0.02)
        assert not changelogs.tables.standbys_ready
        changelogs.recovery.standby_offsets[RATES] = 42
        async with asyncio.timeout(5.0):
            while not changelogs.tables.standbys_ready:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(scenario)


def test_long_changelog_leaves_others_their_turn() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.put(TOTALS, *range(5 * TURN))
        task = asyncio.ensure_future(Recovery._slurp_changelogs.fun(changelogs.recovery))
        seen = []
        while not changelogs.tables.changelog_queue.empty():
            seen.append(changelogs.tables.changelog_queue.qsize())
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert max(before - after for before, after in pairwise([*seen, 0])) <= TURN + 1

    run(scenario)


def test_record_of_a_partition_that_was_given_up_changes_no_table() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.put(TOTALS, 1)
        changelogs.put(RATES, 9)
        await changelogs.apply()
        assert changelogs.totals.data["k"] == 1
        assert "k" not in changelogs.rates.data
        assert TP(RATES.topic, 0) not in changelogs.recovery.standby_offsets

    run(scenario)


def test_recovery_tells_which_events_have_changed_a_table() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.put(TOTALS, 1)
        await changelogs.apply()
        [book] = changelogs.tables.sources.ledger(TOTALS).books.values()
        assert (book.source, book.told, book.keys) == (b"0 flights sums", 5, {b'"k"': (5, 1)})

    run(scenario)


def test_end_is_signalled_with_the_last_record() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.recovery._set_recovery_started()
        changelogs.recovery.active_offsets[TOTALS] = -1
        changelogs.recovery.active_highwaters[TOTALS] = 1
        changelogs.put(TOTALS, 0)
        await changelogs.apply()
        assert not changelogs.recovery.signal_recovery_end.is_set()
        changelogs.put(TOTALS, 1)
        await changelogs.apply()
        assert changelogs.recovery.signal_recovery_end.is_set()
        assert not changelogs.recovery.in_recovery

    run(scenario)


def test_error_of_a_callback_does_not_end_recovery() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.totals._on_changelog_event = fail
        changelogs.put(TOTALS, 1, 2)
        await changelogs.apply()
        assert changelogs.tables.changelog_queue.empty()

    run(scenario)


async def fail(event: Any) -> None:
    raise RuntimeError("callback")


def test_global_table_keeps_what_it_follows_over_a_recovery() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(standbys={RATES})
        changelogs.put(RATES, 1)
        await changelogs.apply()
        await changelogs.rates.on_recovery_completed(set(), {RATES})
        assert dict(changelogs.rates.data.items()) == {"k": 1}

    run(scenario)


class Roles:
    """A changelog of which each record has a key of its own, read by a worker that has it in turns in two roles."""

    def __init__(self) -> None:
        self.changelogs = Changelogs()
        self.end = 0

    def grow(self, count: int) -> None:
        self.end += count

    async def have(self, role: str | None, *, revoked: bool = False) -> None:
        """Be assigned it in a role, and read it from where the recovery says to its end."""
        changelogs = self.changelogs
        roles = {} if role is None else {f"{role}s": {TOTALS}}
        await changelogs.assign(**roles, revoked={TOTALS} if revoked else set())
        if role is not None:
            offsets = getattr(changelogs.recovery, f"{role}_offsets")
            for offset in range(0 if offsets[TOTALS] is None else offsets[TOTALS] + 1, self.end):
                headers = (("framework-changes", b"0 1000 %d 1 0 flights sums" % offset),)
                if offset:
                    headers += (("framework-complete", b"0 1000 %d 0 flights sums" % offset),)
                message = message_of(TOTALS, offset, key=b'"k%d"' % offset, value=b"%d" % offset, headers=headers)
                changelogs.tables.changelog_queue.force_put_nowait(
                    Event(changelogs.app, f"k{offset}", offset, {}, message)
                )
            await changelogs.apply()
            changelogs.recovery.flush_buffers()
        actives, standbys = changelogs.recovery.active_tps, changelogs.recovery.standby_tps
        await changelogs.totals.on_recovery_completed(set(actives), set(standbys))

    def has_all(self) -> bool:
        return dict(self.changelogs.totals.data.items()) == {f"k{offset}": offset for offset in range(self.end)}


@pytest.mark.parametrize(
    "roles",
    [
        ("standby", "active"),
        ("standby", "standby", "active"),
        ("active", "standby", "active"),
        ("active", "active", "standby", "standby", "active"),
        ("active", None, "active"),
        ("standby", None, "active"),
        ("active", None, "standby", "active"),
    ],
    ids=lambda roles: "-".join(str(role) for role in roles),
)
@pytest.mark.parametrize("applied", [False, True])
def test_nothing_is_lost_however_often_a_partition_changes_its_role(roles: Any, applied: bool) -> None:
    async def scenario() -> None:
        partition = Roles()
        partition.grow(3)
        if applied:
            # A shadow has had it before, in this process.
            await partition.have("active")
            partition.changelogs.recovery.active_tps.clear()
            partition.changelogs.recovery.revoke(TOTALS)
            partition.changelogs.tables.applied[TOTALS] = partition.end - 1
        for role in roles:
            partition.grow(3)
            await partition.have(role, revoked=role is None)
            if role is not None:
                assert partition.has_all(), role

    run(scenario)


@pytest.mark.parametrize("first", ["standby", "active"])
def test_what_is_on_its_way_in_one_role_is_not_taken_for_what_is_read_in_the_other(first: str) -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.totals.recovery_buffer_size = changelogs.totals.standby_buffer_size = 100
        then = "active" if first == "standby" else "standby"
        await changelogs.assign(**{f"{first}s": {TOTALS}})
        changelogs.put(TOTALS, 50)
        await changelogs.apply()
        changelogs.put(TOTALS, 51, 52)
        await changelogs.assign(**{f"{then}s": {TOTALS}})
        await changelogs.apply()
        changelogs.recovery.flush_buffers()
        assert getattr(changelogs.recovery, f"{then}_offsets")[TOTALS] is None
        assert dict(changelogs.totals.data.items()) == {}

    run(scenario)


def test_what_was_given_up_for_a_moment_is_read_from_its_beginning() -> None:
    """Another rebalance had begun before this one was looked at; another worker may have had it meanwhile."""

    async def scenario() -> None:
        changelogs = Changelogs()
        await changelogs.assign(actives={TOTALS})
        changelogs.put(TOTALS, 0, 1)
        await changelogs.apply()
        await changelogs.recovery.on_rebalance(set(), {TOTALS}, set(), 0)
        await changelogs.assign(actives={TOTALS})
        assert changelogs.recovery.active_offsets[TOTALS] is None
        assert dict(changelogs.totals.data.items()) == {}

    run(scenario)


def test_what_waits_for_a_place_in_the_queue_does_not_come_in_behind_a_rebalance() -> None:
    async def scenario() -> None:
        changelogs = Changelogs()
        changelogs.app.conf.stream_buffer_maxsize = 2
        changelogs.app.flow_control.resume()
        await changelogs.assign(actives={TOTALS})
        changelogs.put(TOTALS, 0, 1)
        queue = changelogs.tables.changelog_queue
        message = message_of(TOTALS, 2, key=b'"k"', value=b"2", headers=HEADERS)
        waiting = asyncio.ensure_future(queue.put(Event(changelogs.app, "k", 2, {}, message)))
        await settle()
        assert not waiting.done()
        changelogs.recovery.on_partitions_revoked({TOTALS})
        await changelogs.assign(actives={TOTALS})
        await changelogs.seek(TOTALS)
        await settle()
        assert waiting.done()
        assert queue.empty()

    run(scenario)

"""What a shadow asks the group for, what it says of itself, and that it lets the tables go; the consumer is a fake."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from framework.standby import shadow as module
from framework.standby.shadow import Shadow
from tests.unit.standby.test_applying import new_app

TOTALS, RATES, ROSTER = "g-totals-changelog", "g-rates-changelog", "g-roster"


class FakeMember:
    """As much of the consumer as a shadow uses, and of its coordinator."""

    def __init__(self) -> None:
        self.subscriptions: list[list[str]] = []
        self.rejoins: list[str] = []
        self.leave_on_close = False
        self.counts: dict[str, int] = {}
        self.failures: list[Exception] = []
        self.is_stopped = False
        self.coordinator = self

    async def start(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def stop(self) -> None:
        self.is_stopped = True

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.subscriptions.append(topics)

    def request_rejoin(self, reason: str) -> None:
        self.rejoins.append(reason)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return None

    async def count_partitions(self, topics: Iterable[str]) -> dict[str, int]:
        return {topic: self.counts[topic] for topic in topics if topic in self.counts}

    def assignment(self) -> set[Any]:
        return set()

    async def end_offsets(self, partitions: Any) -> dict[Any, int]:
        return {}


class Bench:
    """A shadow around a fake member."""

    def __init__(self, folder: Path, member: FakeMember) -> None:
        self.member = member
        self.app = new_app(folder)
        listener: Any = None
        self.shadow = Shadow(
            self.app, group_id="g-standby", group_instance_id="s-0", client_id="s-0@h", listener=listener
        )

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    @property
    def wanted(self) -> set[TP]:
        return set(self.shadow.lags())


Runner = Callable[[Callable[[Bench], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> FakeMember:
    found = FakeMember()
    monkeypatch.setattr(module, "new_member", lambda *_, **__: found)
    monkeypatch.setattr(module, "RETRY", 0.0)
    return found


@pytest.fixture
def run(member: FakeMember, tmp_path: Path) -> Runner:
    def run(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            bench = Bench(tmp_path, member)
            await scenario(bench)
            await bench.shadow.stop(leave=False)

        asyncio.run(whole())

    return run


def test_roster_alone_is_subscribed_while_there_is_nothing_to_shadow(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.shadow.start()
        await bench.settle()
        assert bench.member.subscriptions == [[ROSTER]]
        assert bench.shadow.has_caught_up
        assert bench.shadow.problem == ""

    run(scenario)


def test_global_tables_come_along_where_their_changelog_exists(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        bench.member.counts = {RATES: 2}
        await bench.shadow.start()
        await bench.shadow.follow({TOTALS: [0], "of-another-app": [1]})
        await bench.settle()
        assert bench.wanted == {TP(TOTALS, 0), TP(RATES, 0), TP(RATES, 1)}
        assert bench.member.subscriptions[-1] == [RATES, ROSTER, TOTALS]
        assert not bench.shadow.has_caught_up

    run(scenario)


def test_same_topics_with_other_partitions_are_a_rejoin(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.shadow.start()
        await bench.shadow.follow({TOTALS: [0]})
        await bench.settle()
        before = len(bench.member.subscriptions)
        await bench.shadow.follow({TOTALS: [0]})
        assert bench.member.rejoins == []
        await bench.shadow.follow({TOTALS: [1]})
        assert bench.member.rejoins == ["the partitions to shadow have changed"]
        assert len(bench.member.subscriptions) == before

    run(scenario)


def test_brokers_that_are_away_are_waited_for(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        bench.member.failures = [OSError("away"), OSError("away")]
        await bench.shadow.start()
        await bench.shadow.follow({TOTALS: [0]})
        assert bench.shadow.member is None
        await bench.settle()
        assert bench.shadow.member is bench.member
        assert bench.member.subscriptions == [[ROSTER, TOTALS]]

    run(scenario)


def test_shadow_that_breaks_says_so(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        bench.member.failures = [ZeroDivisionError("a fault of ours")]
        await bench.shadow.start()
        await bench.settle()
        assert "the shadow has ended: ZeroDivisionError" in bench.shadow.problem

    run(scenario)


def test_after_it_has_let_go_nobody_can_have_the_tables_emptied(run: Runner) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.shadow.start()
        await bench.shadow.follow({TOTALS: [0, 1]})
        bench.app.tables.applied = {TP(TOTALS, 0): 5, TP(TOTALS, 1): 5}
        await bench.shadow.let_go(keep={TOTALS: [0]})
        assert bench.app.tables.applied == {TP(TOTALS, 0): 5}
        await bench.shadow.follow({})
        assert bench.app.tables.applied == {TP(TOTALS, 0): 5}
        assert not bench.member.is_stopped

    run(scenario)


@pytest.mark.parametrize("leave", [True, False])
def test_stop_leaves_or_stays(run: Runner, leave: bool) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.shadow.start()
        await bench.settle()
        await bench.shadow.stop(leave=leave)
        assert bench.member.is_stopped
        assert bench.member.leave_on_close is leave

    run(scenario)

"""What a worker says of itself in the roster, and what it makes of what it reads there."""

import asyncio
from collections.abc import Mapping

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.presence as module
from framework import App
from framework.lifecycle.leave_policy import Decision, should_leave
from framework.lifecycle.presence import Presence
from framework.membership.group import Joined
from framework.membership.roster import Wanted
from framework.states import SeatState, StopReason
from tests.unit.lifecycle.fake_keeper import FakeKeeper, Keepers
from tests.unit.lifecycle.fake_seat import ME, SEAT, bound_app, client_id

JOINED = Joined("m-0", 7, {"orders": (0, 2)}, "first join", 0.31, 1_700_000_000_500)


@pytest.fixture
def keepers(monkeypatch: pytest.MonkeyPatch) -> Keepers:
    found = Keepers()
    monkeypatch.setattr(module, "RosterKeeper", found)
    return found


class Kubernetes:
    """A fake of the Kubernetes API: the wanted replicas, or None, and how often it was asked."""

    def __init__(self) -> None:
        self.replicas: int | None = None
        self.asked = 0

    async def __call__(self, environ: Mapping[str, str]) -> int | None:
        self.asked += 1
        return self.replicas


@pytest.fixture
def kubernetes(monkeypatch: pytest.MonkeyPatch) -> Kubernetes:
    found = Kubernetes()
    monkeypatch.setattr(module, "wanted_replicas", found)
    return found


class Seated:
    """A worker with a presence.

    Attributes:
        presence: it.
        keeper: what it writes with.
        surplus: how often it was told to leave its seat now.
    """

    def __init__(self, keepers: Keepers, app: App | None = None) -> None:
        self.surplus = 0
        self.presence = Presence(app or bound_app(), self._on_surplus)
        self.keeper: FakeKeeper = keepers[-1]

    def _on_surplus(self) -> None:
        self.surplus += 1

    def decide(self, reason: StopReason) -> Decision:
        return asyncio.run(self.presence.decide_to_leave(reason))


class TestRoster:
    def test_first_entry_says_who_it_is(self, keepers: Keepers) -> None:
        app = bound_app(roster_interval=2.5, topic_replication_factor=3)
        keeper = Seated(keepers, app).keeper
        entry = keeper.entry
        assert (entry.group_instance_id, entry.client_id, entry.incarnation) == (SEAT, client_id(ME), ME)
        assert (entry.state, entry.service, entry.ordinal) == (SeatState.STARTING, "flights", 0)
        assert entry.interval == 2.5
        assert (keeper.group_id, keeper.replication_factor) == ("flights", 3)
        assert keeper.heartbeat == app.heartbeat_age
        assert keeper.said == []

    def test_life_from_start_to_end(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.presence.start()
        seated.presence.on_member_id("m-0")
        seated.presence.on_joined(JOINED)
        seated.presence.running()
        seated.presence.stopping(StopReason.LEAVE)
        seated.presence.stopped(StopReason.LEAVE, has_left=True)
        assert seated.keeper.said == [
            None,
            {"member_id": "m-0"},
            {"member_id": "m-0", "generation_id": 7, "assignment": {"orders": (0, 2)}},
            {"state": SeatState.RUNNING, "takeover": None},
            {"state": SeatState.STOPPING, "reason": "asked to leave"},
            {"state": SeatState.LEFT},
        ]
        assert seated.keeper.is_closed

    @pytest.mark.parametrize("reason", StopReason)
    def test_seat_that_was_given_up_is_said_to_be(self, reason: StopReason, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.presence.stopped(reason, has_left=True)
        assert seated.keeper.said == [{"state": SeatState.LEFT}]

    @pytest.mark.parametrize("reason", sorted(set(StopReason) - {StopReason.RESTART}))
    def test_seat_that_was_kept_is_free_for_whoever_comes(self, reason: StopReason, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.presence.stopped(reason, has_left=False)
        assert seated.keeper.said == [{"state": SeatState.STOPPED}]

    def test_worker_that_is_replaced_does_not_say_that_it_has_gone(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.presence.stopped(StopReason.RESTART, has_left=False)
        assert seated.keeper.said == [{}]
        assert seated.keeper.is_closed

    def test_dynamic_member_says_nothing(self, keepers: Keepers) -> None:
        presence = Presence(bound_app(None), lambda: None)
        presence.start()
        presence.on_member_id("m-0")
        presence.on_joined(JOINED)
        presence.running()
        presence.stopping(StopReason.INTERRUPT)
        presence.stopped(StopReason.INTERRUPT, has_left=False)
        assert keepers == []


class TestWanted:
    def test_order_to_leave_the_seat_is_followed(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.keeper.on_wanted(Wanted(0, frozenset({SEAT, "w-1"})), True)
        assert seated.surplus == 1

    def test_order_to_another_seat_is_none(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.keeper.on_wanted(Wanted(0, frozenset({"w-1"})), True)
        assert seated.surplus == 0

    def test_old_order_is_not_followed_again_by_one_that_came_back(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        with structlog.testing.capture_logs() as logs:
            seated.keeper.on_wanted(Wanted(0, frozenset({SEAT})), False)
        assert seated.surplus == 0
        assert logs == [
            {"event": "worker.surplus", "log_level": "warning", "ordinal": 0, "wanted": 0},
        ]

    def test_one_that_is_wanted_says_nothing_about_it(self, keepers: Keepers) -> None:
        with structlog.testing.capture_logs() as logs:
            Seated(keepers).keeper.on_wanted(Wanted(1), False)
        assert logs == []

    @given(st.integers(0, 5), st.frozensets(st.sampled_from([SEAT, "w-1", "w-2"])), st.booleans())
    def test_only_a_new_order_with_this_seat_in_it_ends_the_worker(
        self, count: int, surplus: frozenset[str], is_new: bool
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            keepers = Keepers()
            patch.setattr(module, "RosterKeeper", keepers)
            seated = Seated(keepers)
            with structlog.testing.capture_logs():
                seated.keeper.on_wanted(Wanted(count, surplus), is_new)
            assert seated.surplus == (is_new and SEAT in surplus)


class TestLeaving:
    def test_interrupt_of_a_worker_that_nobody_counts(self, keepers: Keepers, kubernetes: Kubernetes) -> None:
        decision = Seated(keepers).decide(StopReason.INTERRUPT)
        assert decision == Decision(False, "nothing says that it is not coming back")
        assert kubernetes.asked == 1

    @pytest.mark.parametrize(("replicas", "wanted", "leave"), [(None, 0, True), (None, 1, False), (0, 1, True)])
    def test_kubernetes_knows_better_than_the_last_scaling(
        self, replicas: int | None, wanted: int, leave: bool, keepers: Keepers, kubernetes: Kubernetes
    ) -> None:
        kubernetes.replicas = replicas
        seated = Seated(keepers)
        seated.keeper.on_wanted(Wanted(wanted), True)
        assert seated.decide(StopReason.INTERRUPT).leave is leave

    def test_seat_that_is_surplus_is_left(self, keepers: Keepers, kubernetes: Kubernetes) -> None:
        seated = Seated(keepers)
        seated.keeper.on_wanted(Wanted(1, frozenset({SEAT})), True)
        assert seated.decide(StopReason.INTERRUPT) == Decision(True, "its seat is surplus since the last scaling")

    @pytest.mark.parametrize("reason", sorted(set(StopReason) - {StopReason.INTERRUPT}))
    def test_kubernetes_is_asked_only_about_an_interrupt(
        self, reason: StopReason, keepers: Keepers, kubernetes: Kubernetes
    ) -> None:
        decision = Seated(keepers).decide(reason)
        assert decision == should_leave("auto", reason, ordinal=0, wanted=None, is_surplus=False)
        assert kubernetes.asked == 0

    @pytest.mark.parametrize(("policy", "leave"), [("always", True), ("never", False)])
    def test_policy_that_decides_alone_asks_nobody(
        self, policy: str, leave: bool, keepers: Keepers, kubernetes: Kubernetes
    ) -> None:
        kubernetes.replicas = 1
        seated = Seated(keepers, bound_app(leave_policy=policy))
        assert seated.decide(StopReason.INTERRUPT).leave is leave
        assert kubernetes.asked == 0

    def test_dynamic_member_follows_orders(self, keepers: Keepers, kubernetes: Kubernetes) -> None:
        presence = Presence(bound_app(None), lambda: None)
        assert asyncio.run(presence.decide_to_leave(StopReason.LEAVE)).leave

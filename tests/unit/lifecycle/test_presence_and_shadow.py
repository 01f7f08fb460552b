"""What a worker in its seat owes to the shadows of it: a lease, obedience to an order, its last words."""

import threading

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.presence as module
from framework import App
from framework.lifecycle.presence import Presence
from framework.membership.roster import Order, OrderKind, Takeover, Watch
from framework.membership.roster_records import WATCH_KEY, encode_order, encode_watch
from framework.membership.roster_view import RosterView
from framework.states import SeatState, StopReason
from tests.unit.lifecycle.fake_keeper import FakeKeeper, Keepers
from tests.unit.lifecycle.fake_seat import ME, OTHER, SEAT, bound_app, client_id

SHADOW = "flights-standby-0@there#4000-0000000b"


@pytest.fixture
def keepers(monkeypatch: pytest.MonkeyPatch) -> Keepers:
    found = Keepers()
    monkeypatch.setattr(module, "RosterKeeper", found)
    return found


class Seated:
    """A worker in its seat, and what there is to heed in the roster.

    Attributes:
        app: it.
        presence: its presence.
        keeper: what it writes with.
        orders: what it was told to do.
        promises: for each entry that it wrote, which lease it kept at that moment.
    """

    def __init__(self, keepers: Keepers, app: App | None = None, takeover: Takeover | None = None) -> None:
        self.app = app or bound_app(failover_after=3.0)
        self.orders: list[Order] = []
        self.promises: list[float | None] = []
        self.presence = Presence(self.app, lambda: None, self.orders.append, takeover)
        self.keeper: FakeKeeper = keepers[-1]
        self.view = RosterView()
        tell = self.keeper.tell
        self.keeper.tell = lambda **changes: (self.promises.append(self.app.lease.duration), tell(**changes))  # type: ignore[assignment, misc]

    def watched(self, by: str, failover_after: float | None, seat: str = SEAT) -> None:
        """A standby begins to watch, or ends it."""
        if failover_after is None:
            self.view.apply(f"{WATCH_KEY}{by}".encode(), None, 0.0, 0)
        else:
            self.view.apply(*encode_watch(Watch(by, frozenset({seat}), failover_after)), 0.0, 0)
        self.keeper.on_control(self.view)

    def ordered(self, owner: str, kind: OrderKind = OrderKind.HANDOVER, successor: str = SHADOW) -> Order:
        """An operator asks for something."""
        order = Order(SEAT, kind, owner, successor)
        self.view.apply(*encode_order(order), 0.0, 0)
        self.keeper.on_control(self.view)
        return order


class TestLease:
    def test_worker_that_nobody_shadows_has_none(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.keeper.on_control(seated.view)
        seated.watched("s-0", 3.0, seat="w-1")
        assert seated.app.lease.duration is None
        assert seated.keeper.said == []

    def test_it_is_kept_before_it_is_promised(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 3.0)
        assert seated.keeper.said == [{"lease": 3.0, "interval": 0.75}]
        assert seated.promises == [3.0]
        assert seated.app.lease.duration == 3.0

    def test_it_is_given_up_after_the_promise_is_taken_back(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 3.0)
        seated.watched("s-0", None)
        assert seated.keeper.said[1] == {"lease": 0.0, "interval": 1.0}
        assert seated.promises == [3.0, 3.0]
        seated.keeper.on_written(0.0)
        assert seated.app.lease.duration == 3.0, "an entry that was on its way before"
        seated.keeper.on_written(module.time.monotonic())
        assert seated.app.lease.duration is None

    def test_one_that_has_lapsed_is_not_held_when_nobody_watches_any_more(self, keepers: Keepers) -> None:
        """The shadow may have sat down, which is why it watches no more."""
        seated = Seated(keepers)
        seated.watched("s-0", 3.0)
        assert not seated.app.lease.is_held(module.time.monotonic() + 10.0)
        seated.watched("s-0", None)
        seated.keeper.on_written(module.time.monotonic())
        assert seated.app.lease.duration is None
        assert not seated.app.lease.is_held()

    def test_what_a_worker_at_home_has_said_itself_does_not_count(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched(f"{SEAT}-shadow", 3.0)
        assert seated.app.lease.duration is None

    def test_spare_is_shadowed_by_the_worker_whose_seat_it_has(self, keepers: Keepers) -> None:
        """Without a lease it could not be handed back: nobody would know that it obeys."""
        spare = bound_app(failover_after=3.0)
        spare.home, spare.standby_id = None, "flights-standby-0"
        seated = Seated(keepers, spare)
        seated.watched("flights-standby-0", 3.0)
        assert seated.app.lease.duration is None, "its own word"
        seated.watched(f"{SEAT}-shadow", 3.0)
        assert seated.app.lease.duration == 3.0

    def test_one_that_is_watched_again_keeps_it(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 3.0)
        seated.watched("s-0", None)
        seated.watched("s-0", 3.0)
        seated.keeper.on_written(module.time.monotonic())
        assert seated.app.lease.duration == 3.0
        assert [said["lease"] for said in seated.keeper.said if said is not None] == [3.0, 0.0, 3.0]

    def test_what_it_has_said_itself_as_the_shadow_of_its_seat_does_not_count(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched(f"{SEAT}-shadow", 3.0)
        assert seated.app.lease.duration is None

    @pytest.mark.parametrize("after", [3.5, 6.0])
    def test_a_change_of_it_is_told_before_it_counts(self, after: float, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 4.0)
        seated.watched("s-0", after)
        assert seated.promises == [4.0, 4.0]
        assert seated.app.lease.duration == after

    def test_the_shortest_of_several_shadows_counts(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 4.0)
        seated.watched("s-1", 3.0)
        seated.watched("s-1", None)
        assert [said["lease"] for said in seated.keeper.said if said is not None] == [4.0, 3.0, 4.0]

    def test_what_stays_as_it_was_is_not_told_again(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.watched("s-0", 3.0)
        seated.watched("s-0", 3.0)
        seated.keeper.on_control(seated.view)
        assert len(seated.keeper.said) == 1

    def test_it_is_not_shorter_than_heartbeats_allow(self, keepers: Keepers) -> None:
        """The shadow's setting may be shorter than this worker's heartbeats; it waits for what the entry says."""
        app = bound_app(failover_after=3.0, heartbeat_interval_ms=1000)
        seated = Seated(keepers, app)
        seated.watched("s-0", 0.5)
        assert app.heartbeat_interval == 1.0
        assert app.lease.duration == module.LEASE_HEARTBEATS * 1.0

    def test_entries_that_are_frequent_enough_stay_as_they_are(self, keepers: Keepers) -> None:
        seated = Seated(keepers, bound_app(failover_after=3.0, roster_interval=0.5))
        seated.watched("s-0", 3.0)
        assert seated.keeper.said == [{"lease": 3.0, "interval": 0.5}]

    def test_each_entry_that_a_broker_has_confirms_it(self, keepers: Keepers, monkeypatch: pytest.MonkeyPatch) -> None:
        seated = Seated(keepers)
        confirmed: list[tuple[float, float]] = []
        monkeypatch.setattr(seated.app.lease, "entry_confirmed", lambda sent_at, now: confirmed.append((sent_at, now)))
        monkeypatch.setattr(module.time, "monotonic", lambda: 105.0)
        seated.keeper.on_written(104.5)
        assert confirmed == [(104.5, 105.0)]

    @given(st.lists(st.tuples(st.sampled_from(["s-0", "s-1"]), st.none() | st.sampled_from([0.5, 3.0, 9.0]))))
    def test_no_promise_is_ever_longer_kept_than_told(self, watches: list[tuple[str, float | None]]) -> None:
        """The shadow waits for as long as the last entry says: never may the worker emit longer than that."""
        with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs():
            keepers = Keepers()
            patch.setattr(module, "RosterKeeper", keepers)
            seated = Seated(keepers)
            for by, failover_after in watches:
                seated.watched(by, failover_after)
                seated.keeper.on_written(module.time.monotonic())
                told = seated.keeper.said[-1]["lease"] if seated.keeper.said and seated.keeper.said[-1] else 0.0
                assert (seated.app.lease.duration or 0.0) == told


class TestOrder:
    @pytest.mark.parametrize("kind", OrderKind)
    def test_the_owner_that_is_named_obeys(self, kind: OrderKind, keepers: Keepers) -> None:
        seated = Seated(keepers)
        order = seated.ordered(client_id(ME), kind)
        assert seated.orders == [order]

    def test_nobody_else_does(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.ordered(client_id(OTHER))
        assert seated.orders == []

    def test_it_is_obeyed_once(self, keepers: Keepers) -> None:
        """All that is to be heeded comes again with each record of its partition."""
        seated = Seated(keepers)
        order = seated.ordered(client_id(ME))
        seated.keeper.on_control(seated.view)
        seated.watched("s-0", 3.0)
        assert seated.orders == [order]

    def test_a_second_one_finds_a_worker_that_ends(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        order = seated.ordered(client_id(ME))
        seated.ordered(client_id(ME), successor="another")
        assert seated.orders == [order]
        seated.presence.stopped(StopReason.HANDOVER, has_left=False)
        assert seated.keeper.said[-1] == {"state": SeatState.STOPPED, "successor": SHADOW}

    def test_order_about_another_seat_is_none(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.view.apply(*encode_order(Order("w-1", OrderKind.HANDOVER, client_id(ME), SHADOW)), 0.0, 0)
        seated.keeper.on_control(seated.view)
        assert seated.orders == []


class TestLastWords:
    @pytest.mark.parametrize("reason", sorted(set(StopReason) - {StopReason.HANDOVER, StopReason.RESTART}))
    def test_end_for_another_reason_names_no_successor(self, reason: StopReason, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.ordered(client_id(ME))
        seated.presence.stopped(reason, has_left=False)
        assert seated.keeper.said == [{"state": SeatState.STOPPED}]

    def test_seat_that_was_given_up_has_none_either(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.ordered(client_id(ME))
        seated.presence.stopped(StopReason.HANDOVER, has_left=True)
        assert seated.keeper.said == [{"state": SeatState.LEFT}]

    def test_drill_looks_like_a_live_worker(self, keepers: Keepers) -> None:
        seated = Seated(keepers)
        seated.presence.drilled(7)
        assert seated.keeper.said == [{"reason": "drill", "uncommitted": 7}]
        assert seated.keeper.is_closed

    def test_dynamic_member_has_none(self, keepers: Keepers) -> None:
        Presence(bound_app(None), lambda: None).drilled(7)
        assert keepers == []


class TestTakeover:
    CAME = Takeover("takeover", client_id(OTHER), 3.2)

    def test_first_entry_tells_how_it_came_and_where_from(self, keepers: Keepers) -> None:
        app = bound_app()
        app.standby_id = "flights-standby-0"
        entry = Seated(keepers, app, self.CAME).keeper.entry
        assert (entry.takeover, entry.standby_id, entry.role) == (self.CAME, "flights-standby-0", "primary")

    def test_its_number_is_that_of_its_own_service(self, keepers: Keepers) -> None:
        """Compared with the wanted count it would say nothing of the seat."""
        app = bound_app()
        assert app.home is not None
        app.shadow("flights-standby-0")
        app.promote("w-7")
        assert Seated(keepers, app, self.CAME).keeper.entry.ordinal is None

    def test_and_how_long_it_took_when_it_runs(self, keepers: Keepers) -> None:
        seated = Seated(keepers, takeover=self.CAME)
        seated.presence.running(0.4)
        took = Takeover("takeover", client_id(OTHER), 3.2, 0.4)
        assert seated.keeper.said == [{"state": SeatState.RUNNING, "takeover": took}]

    def test_worker_at_home_came_from_nowhere(self, keepers: Keepers) -> None:
        entry = Seated(keepers).keeper.entry
        assert (entry.takeover, entry.standby_id) == (None, "")


def test_whatever_is_heeded_is_heeded_in_the_thread_of_the_roster(keepers: Keepers) -> None:
    seated = Seated(keepers)
    thread = threading.Thread(target=seated.watched, args=("s-0", 3.0))
    thread.start()
    thread.join(5.0)
    assert seated.app.lease.duration == 3.0

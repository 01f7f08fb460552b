"""A worker emits only while its last confirmed signs of life are young, and never beside the one that took its seat."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from framework.streams.lease import ENDLESS, OVER, Lease
from tests.unit.streams.leases import let_go_on, let_lapse


def lease_of(duration: float = 3.0, now: float = 0.0) -> Lease:
    lease = Lease()
    lease.set_duration(duration, now)
    return lease


def lapsed() -> Lease:
    lease = lease_of(3.0)
    assert not lease.is_held(10.0)
    return lease


class TestHeld:
    def test_always_without_a_duration(self) -> None:
        lease = Lease()
        lease.heartbeat_confirmed(1.0, 2.0)
        lease.entry_confirmed(1.0, 2.0)
        assert lease.duration is None
        assert lease.is_held(1e9)
        assert lease.is_held()
        assert lease.lapses == 0

    def test_from_the_moment_of_a_duration(self) -> None:
        lease = lease_of(3.0, now=100.0)
        assert lease.duration == 3.0
        assert lease.is_held(102.9)
        assert not lease.is_held(103.0)

    @pytest.mark.parametrize(("heartbeat", "entry", "end"), [(2.0, 1.0, 4.0), (1.0, 2.0, 4.0), (2.0, 2.0, 5.0)])
    def test_until_the_older_sign_is_too_old(self, heartbeat: float, entry: float, end: float) -> None:
        lease = lease_of(3.0)
        lease.heartbeat_confirmed(heartbeat, 2.5)
        lease.entry_confirmed(entry, 2.5)
        assert lease.is_held(end - 0.01)
        assert not lease.is_held(end)

    def test_answers_that_come_out_of_order_take_nothing_back(self) -> None:
        lease = lease_of(3.0)
        for sent_at in (2.0, 1.0):
            lease.heartbeat_confirmed(sent_at, 2.5)
            lease.entry_confirmed(sent_at, 2.5)
        assert lease.is_held(4.9)

    def test_answer_to_what_was_sent_too_long_ago_is_none(self) -> None:
        lease = lease_of(3.0)
        lease.heartbeat_confirmed(0.5, 2.9)
        lease.entry_confirmed(0.1, 2.9)
        assert not lease.is_held(3.1)


class TestRegained:
    def test_by_an_entry_and_then_a_heartbeat(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(10.1, 10.2)
        assert not lease.is_held(10.25)
        lease.heartbeat_confirmed(10.3, 10.4)
        assert lease.is_held(13.0)
        assert not lease.is_held(13.1), "three seconds after the write of the entry began"
        assert lease.lapses == 2

    def test_not_by_a_heartbeat_and_then_an_entry(self) -> None:
        lease = lapsed()
        lease.heartbeat_confirmed(10.1, 10.2)
        lease.entry_confirmed(10.3, 10.4)
        assert not lease.is_held(10.5)

    def test_not_by_a_heartbeat_that_was_sent_before_the_entry_was_there(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(10.1, 10.3)
        lease.heartbeat_confirmed(10.2, 10.4)
        assert not lease.is_held(10.5)

    def test_not_by_an_entry_that_was_on_its_way_when_it_lapsed(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(9.9, 10.2)
        lease.heartbeat_confirmed(10.3, 10.4)
        assert not lease.is_held(10.5)

    def test_lapse_that_a_confirmation_finds_counts_like_one_that_was_looked_at(self) -> None:
        lease = lease_of(3.0)
        lease.entry_confirmed(10.0, 10.1)
        lease.heartbeat_confirmed(10.2, 10.3)
        assert lease.lapses == 1
        assert not lease.is_held(10.4), "the entry was on its way when the lapse was noticed"

    def test_later_entries_neither_put_the_heartbeat_off_nor_count_for_it(self) -> None:
        lease = lapsed()
        for at in (10.1, 10.3, 10.5):
            lease.entry_confirmed(at, at + 0.1)
        lease.heartbeat_confirmed(10.35, 10.7)
        assert lease.is_held(13.0)
        assert not lease.is_held(13.1), "the answer says nothing of the entries that came after the heartbeat"

    def test_not_if_it_is_over_by_then(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(10.1, 10.2)
        lease.heartbeat_confirmed(13.0, 13.2)
        assert not lease.is_held(13.2)
        lease.heartbeat_confirmed(13.3, 13.4)
        assert not lease.is_held(13.4), "it takes another entry"

    def test_waiting_ends_with_it(self) -> None:
        async def scenario() -> None:
            lease = Lease()
            let_lapse(lease)
            waiting = asyncio.ensure_future(lease.wait())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            let_go_on(lease)
            await asyncio.wait_for(waiting, 5.0)

        asyncio.run(scenario())


class TestDuration:
    def test_shorter_counts_at_once(self) -> None:
        lease = lease_of(10.0)
        lease.set_duration(3.0, 2.0)
        assert not lease.is_held(3.0)

    def test_shorter_may_end_it(self) -> None:
        lease = lease_of(10.0)
        lease.set_duration(3.0, 5.0)
        assert lease.lapses == 1

    def test_longer_counts_when_an_entry_has_said_so(self) -> None:
        lease = lease_of(3.0)
        lease.set_duration(10.0, 1.0)
        assert lease.duration == 10.0
        lease.heartbeat_confirmed(2.0, 2.0)
        lease.entry_confirmed(0.9, 2.0)
        assert not Lease.is_held(lease, 4.0)
        told = lease_of(3.0)
        told.set_duration(10.0, 1.0)
        told.heartbeat_confirmed(2.0, 2.0)
        told.entry_confirmed(1.1, 2.0)
        assert told.is_held(11.0)

    def test_another_one_gives_no_lapsed_lease_back(self) -> None:
        lease = lease_of(3.0)
        assert not lease.is_held(4.0)
        lease.set_duration(20.0, 4.0)
        assert not lease.is_held(4.1)

    def test_same_one_changes_nothing(self) -> None:
        lease = lease_of(3.0)
        lease.set_duration(3.0, 2.0)
        assert not lease.is_held(3.0)


class TestNotShadowedAnyMore:
    """An entry that says so has been acknowledged when the duration is taken away."""

    def test_lease_that_is_held_has_no_end_from_then_on(self) -> None:
        lease = lease_of(3.0)
        lease.set_duration(None, 2.9)
        assert lease.duration is None
        assert lease.is_held(1e9)

    @pytest.mark.parametrize("is_noticed", [False, True])
    def test_lapsed_one_is_not_given_back(self, is_noticed: bool) -> None:
        lease = lease_of(3.0)
        assert not (is_noticed and lease.is_held(4.0))
        lease.set_duration(None, 4.1)
        assert lease.duration is None
        assert not lease.is_held(4.2)
        assert lease.lapses == 1

    def test_lapsed_one_is_not_given_back_by_one_who_watches_again(self) -> None:
        lease = lapsed()
        lease.set_duration(None, 10.1)
        lease.set_duration(3.0, 10.2)
        assert not lease.is_held(10.3)

    def test_lapsed_one_is_regained_for_good_by_the_entry_that_said_so_and_a_heartbeat(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(10.1, 10.2)
        lease.set_duration(None, 10.2)
        lease.heartbeat_confirmed(10.3, 10.4)
        assert lease.is_held(1e9)
        assert lease.lapses == 1

    def test_lapsed_one_is_regained_for_good_by_a_later_entry_and_a_heartbeat(self) -> None:
        lease = lapsed()
        lease.entry_confirmed(9.9, 10.2)
        lease.set_duration(None, 10.2)
        lease.heartbeat_confirmed(10.3, 10.4)
        assert not lease.is_held(10.5), "the entry was on its way when it lapsed"
        for at in (11.0, 12.0, 13.0):
            lease.entry_confirmed(at, at + 0.1)
        assert not lease.is_held(13.2)
        lease.heartbeat_confirmed(11.5, 13.3)
        assert lease.is_held(1e9)

    @pytest.mark.parametrize("duration", [None, 20.0])
    def test_not_by_a_heartbeat_that_was_sent_while_it_was_shadowed(self, duration: float | None) -> None:
        """A shadow may have sat down since it was answered."""
        lease = lapsed()
        lease.entry_confirmed(10.1, 10.2)
        lease.set_duration(duration, 16.0)
        lease.entry_confirmed(16.1, 16.2)
        lease.heartbeat_confirmed(10.3, 16.3)
        assert not lease.is_held(16.4)
        lease.heartbeat_confirmed(16.4, 16.5)
        assert lease.is_held(16.6)

    def test_one_who_watches_again_is_promised_what_it_was_before(self) -> None:
        lease = lapsed()
        lease.set_duration(None, 10.1)
        lease.entry_confirmed(10.2, 10.3)
        lease.set_duration(3.0, 10.4)
        lease.heartbeat_confirmed(10.5, 10.6)
        assert lease.is_held(13.1)
        assert not lease.is_held(13.2), "three seconds after the write of the entry began"

    def test_entries_that_nobody_answers_a_heartbeat_for_are_not_kept_for_ever(self) -> None:
        lease = lapsed()
        lease.set_duration(None, 10.1)
        for at in range(11, 1011):
            lease.entry_confirmed(at, at)
        assert len(lease._entries) < 10

    def test_regained_one_begins_anew_with_the_next_duration(self) -> None:
        lease = lapsed()
        lease.set_duration(None, 10.1)
        lease.entry_confirmed(10.2, 10.3)
        lease.heartbeat_confirmed(10.4, 10.5)
        lease.set_duration(3.0, 100.0)
        assert lease.is_held(102.9)
        assert not lease.is_held(103.0)

    def test_withheld_one_that_was_over_is_not_held_when_it_is_released(self) -> None:
        lease = lease_of(3.0)
        lease.withhold()
        lease.set_duration(None, 4.0)
        lease.release(4.1)
        assert not lease.is_held(4.2)


class TestWithheld:
    def test_also_without_a_duration(self) -> None:
        lease = Lease()
        lease.withhold()
        assert not lease.is_held(1.0)
        lease.release(2.0)
        assert lease.is_held(1e9)
        assert lease.lapses == 0

    def test_what_is_confirmed_meanwhile_counts(self) -> None:
        lease = lease_of(3.0)
        lease.withhold()
        lease.heartbeat_confirmed(2.0, 2.0)
        lease.entry_confirmed(2.0, 2.0)
        assert not lease.is_held(2.5)
        lease.release(4.0)
        assert lease.is_held(4.9)
        assert not lease.is_held(5.0)

    def test_released_too_late(self) -> None:
        lease = lease_of(3.0)
        lease.withhold()
        lease.release(60.0)
        assert not lease.is_held(60.0)
        assert lease.lapses == 1


# --- both of them -----------------------------------------------------------------------------------------------------

DURATION = 2
LONGER = 3
STEPS = ("entry", "heartbeat", "read", "shadow", "clock", "watch")


@dataclass
class Scene:
    """An owner and a shadow, the broker's log of the roster between them, and one clock of whole ticks.

    Each of the owner's two requests takes three steps: it is sent, it reaches the broker, it is answered. The shadow
    decides by the entry that it has read last, joins, and reads to the end; if there is something new, it waits. When
    it emits it shadows nobody any more; the owner reads that, and reads of others that come and go.

    Attributes:
        unwatched: how long the lease is to be when the shadow has taken its word back: None, or longer than before
            where another one goes on.
    """

    owner: Lease
    now: int = 0
    written: int = 0
    read: int = 0
    seen_at: int = 0
    decided: int | None = None
    is_in: bool = False
    emits_from: int | None = None
    entry: tuple[str, int] | None = None
    heartbeat: tuple[str, int] | None = None
    is_fenced: bool = False
    unwatched: float | None = None
    is_watched: bool = True

    def after(self, step: str) -> "Scene":
        """What becomes of it with one step more."""
        owner = Lease()
        vars(owner).update({name: value for name, value in vars(self.owner).items() if name != "_lock"})
        following = replace(self, owner=owner)
        getattr(following, step)()
        return following

    def key(self) -> tuple[object, ...]:
        """What the future depends on; what is older than a lease is as good as any older."""

        def age(at: float | None) -> float | None:
            return None if at is None else max(-LONGER, min(self.now - at, LONGER))

        owner, entry, heartbeat = self.owner, self.entry, self.heartbeat
        is_over, is_endless = owner.until == OVER, owner.until == ENDLESS
        entries = owner._entries if is_over else []
        answered = heartbeat[1] if heartbeat else self.now
        return (
            entry and (entry[0], age(entry[1]), is_over and entry[1] > owner._lapsed_at, entry[1] >= owner._wanted_at),
            heartbeat and (heartbeat[0], age(heartbeat[1])),
            # The newest of them counts, for the heartbeat that is under way, and for the next.
            age(max((sent for taken, sent in entries if taken < answered), default=None)),
            age(max((sent for _, sent in entries), default=None)),
            (self.written > self.read, age(self.seen_at)) if self.decided is None else self.written > self.decided,
            self.is_in,
            age(self.emits_from),
            is_over or is_endless or (age(owner._entry), age(owner._heartbeat)),
            (self.is_watched, owner.duration, owner._agreed),
        )

    def is_overlapping(self) -> bool:
        return not self.is_fenced and self.owner.is_held(self.now) and self.is_shadow_emitting()

    def is_shadow_emitting(self) -> bool:
        return self.emits_from is not None and self.now >= self.emits_from

    def step_clock(self) -> None:
        self.now += 1

    def step_entry(self) -> None:
        match self.entry:
            case None:
                self.entry = "sent", self.now
            case "sent", sent_at:
                self.written += 1
                self.entry = "there", sent_at
            case _, sent_at:
                self.owner.entry_confirmed(sent_at, self.now)
                if not self.is_watched and self.unwatched is None:
                    self.owner.set_duration(None, self.now)
                self.entry = None

    def step_heartbeat(self) -> None:
        match self.heartbeat:
            case None:
                self.heartbeat = "sent", self.now
            case "sent", sent_at:
                self.heartbeat = "fenced" if self.is_in else "there", sent_at
            case "fenced", _:
                self.is_fenced = True
            case _, sent_at:
                self.owner.heartbeat_confirmed(sent_at, self.now)
                self.heartbeat = None

    def step_read(self) -> None:
        if self.read < self.written:
            self.read, self.seen_at = self.written, self.now

    def step_shadow(self) -> None:
        if self.decided is None:
            if self.now - self.seen_at >= DURATION:
                self.decided = self.read
        elif not self.is_in:
            self.is_in = True
        elif self.emits_from is None:
            has_spoken = self.written > self.decided
            self.emits_from = self.now + (DURATION if has_spoken else 0)

    def step_watch(self) -> None:
        if not self.is_watched:
            self.is_watched = True
            self.owner.set_duration(DURATION, self.now)
        elif self.is_shadow_emitting():
            self.is_watched = False
            if self.unwatched is not None:
                self.owner.set_duration(self.unwatched, self.now)


def overlaps(unwatched: float | None = None) -> list[str] | None:
    """Tries every order of steps; the first one found after which both emit."""
    seen: set[tuple[object, ...]] = set()
    waiting: list[tuple[Scene, list[str]]] = [(Scene(lease_of(DURATION), unwatched=unwatched), [])]
    while waiting:
        scene, way = waiting.pop()
        if scene.is_overlapping():
            return way
        if scene.key() in seen or scene.is_fenced:
            continue
        seen.add(scene.key())
        waiting += [(scene.after(f"step_{step}"), [*way, step]) for step in STEPS]
    return None


@pytest.mark.parametrize("unwatched", [None, LONGER])
def test_two_never_emit_for_one_seat_whatever_comes_first(unwatched: float | None) -> None:
    assert overlaps(unwatched) is None


def test_it_takes_the_order_of_the_two_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeat, join, the shadow has read to the end, entry: an owner that took them in any order would go on."""

    def in_any_order(self: Lease, sent_at: float, now: float) -> None:
        with self._lock:
            self._hold(now, now, now)

    monkeypatch.setattr(Lease, "entry_confirmed", in_any_order)
    assert overlaps() is not None


def test_it_takes_the_wait_of_a_shadow_that_finds_something_new(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(scene: Scene) -> None:
        usual(scene)
        scene.emits_from = None if scene.emits_from is None else scene.now

    usual = Scene.step_shadow
    monkeypatch.setattr(Scene, "step_shadow", at_once)
    assert overlaps() is not None


def test_it_takes_that_who_is_not_shadowed_any_more_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(lease: Lease, seconds: float | None, now: float) -> None:
        usual(lease, seconds, now)
        if seconds is None:
            lease._end_at(ENDLESS)

    usual = Lease.set_duration
    monkeypatch.setattr(Lease, "set_duration", at_once)
    assert overlaps() is not None


def test_it_takes_a_heartbeat_that_was_sent_since_it_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was given before the shadow joined, and is taken in when it emits."""

    def with_older_ones(lease: Lease, seconds: float | None, now: float) -> None:
        entries = lease._entries
        usual(lease, seconds, now)
        lease._entries = entries

    usual = Lease.set_duration
    monkeypatch.setattr(Lease, "set_duration", with_older_ones)
    assert overlaps(LONGER) is not None

"""Who stays and who goes, and what is missing until everybody works again."""

from collections.abc import Collection, Mapping

import hypothesis.strategies as some
import pytest
from hypothesis import example, given

from framework.identity import Incarnation
from framework.membership.group import Group, Member
from framework.membership.roster import Entry
from framework.membership.scaling import Plan, Scene, plan, ranked, shortened, unowned, unsettled
from framework.states import SeatState


def group(*seats: str, dynamic: Collection[str] = (), state: str = "Stable") -> Group:
    members = [Member(f"{seat}-1", seat, f"{seat}@box#1-a", "/h") for seat in seats]
    return Group("g", state, (*members, *(Member(name, None, name, "/h") for name in dynamic)))


def entry(seat: str, ordinal: int | None = None, generation_id: int = 5) -> Entry:
    incarnation = Incarnation("box", 1, 1, "a")
    return Entry(
        seat, f"{seat}@box#1-a", incarnation, SeatState.RUNNING, 0, "w", ordinal=ordinal, generation_id=generation_id
    )


def roster(**ordinals: int | None) -> dict[str, Entry]:
    named = {name.replace("_", "-"): ordinal for name, ordinal in ordinals.items()}
    return {seat: entry(seat, ordinal) for seat, ordinal in named.items()}


class TestRank:
    def test_ordinals_of_the_roster_decide_where_all_are_known(self) -> None:
        assert ranked(["a-2", "b-0", "c-1"], roster(a_2=0, b_0=1, c_1=2)) == ["a-2", "b-0", "c-1"]

    def test_else_the_number_at_the_end(self) -> None:
        assert ranked(["b-10", "a-9", "c-2"], roster(b_10=0, a_9=None)) == ["c-2", "a-9", "b-10"]

    def test_else_natural_order(self) -> None:
        assert ranked(["w-10-x", "w-9-x", "box"], {}) == ["box", "w-9-x", "w-10-x"]

    def test_seats_of_one_ordinal_are_in_natural_order(self) -> None:
        seats = roster(w_1_0=1, w_0_10=0, w_0_9=0)
        assert ranked(seats, seats) == ["w-0-9", "w-0-10", "w-1-0"]

    @example(["w-1", "w-01"])
    @given(some.lists(some.from_regex(r"[a-z0-9.-]{1,8}", fullmatch=True), unique=True))
    def test_order_does_not_depend_on_who_comes_first(self, seats: list[str]) -> None:
        assert ranked(seats, {}) == ranked(seats[::-1], {})


class TestPlan:
    def test_lowest_stay_and_the_highest_goes_first(self) -> None:
        seats = ["w-0", "w-1", "w-2", "w-10"]
        found = plan(group(*seats), {}, seats, 2)
        assert (found.stays, found.leaves, found.removed) == (("w-0", "w-1"), ("w-10", "w-2"), ())
        assert (found.steps, found.missing) == (("w-10", "w-2"), 0)

    def test_dead_go_first_because_each_rebalance_would_wait_for_them(self) -> None:
        found = plan(group("w-0", "w-1", "w-2", "w-3"), {}, ["w-0", "w-1", "w-3"], 1)
        assert (found.removed, found.leaves) == (("w-2",), ("w-3", "w-1"))
        assert found.steps == ("w-2", "w-3", "w-1")

    def test_dead_that_stay_are_told_of(self) -> None:
        assert plan(group("w-0", "w-1", "w-2"), {}, ["w-1", "w-2"], 2).silent == ("w-0",)

    def test_workers_about_to_join_count(self) -> None:
        found = plan(group("w-0"), roster(w_0=0, w_1=1, w_2=2), ["w-0", "w-2"], 1)
        assert (found.stays, found.leaves, found.removed) == (("w-0",), ("w-2",), ())

    def test_members_without_a_seat_are_left_alone(self) -> None:
        found = plan(group("w-0", dynamic=["guest"]), {}, ["w-0"], 1)
        assert (found.dynamic, found.steps) == (("guest",), ())

    def test_more_than_there_are(self) -> None:
        found = plan(group("w-0"), {}, ["w-0"], 3)
        assert (found.stays, found.steps, found.missing) == (("w-0",), (), 2)

    @given(some.sets(some.integers(0, 30)), some.data(), some.integers(1, 12))
    def test_everybody_stays_or_goes(self, numbers: set[int], data: some.DataObject, count: int) -> None:
        seats = [f"w-{number}" for number in numbers]
        live = data.draw(some.sets(some.sampled_from(seats)) if seats else some.just(set()))
        found = plan(group(*seats), {}, live, count)
        assert sorted((*found.stays, *found.steps)) == sorted(seats)
        assert len(found.stays) == min(count, len(seats)) == count - found.missing
        assert set(found.leaves) <= live
        assert live.isdisjoint((*found.removed, *found.silent))
        assert isinstance(found, Plan)


def working(*seats: tuple[str, Mapping[str, tuple[int, ...]]], state: str = "Stable") -> Group:
    topics = frozenset({"t"})
    return Group("g", state, tuple(Member(f"{s}-1", s, s, "/h", assigned, topics) for s, assigned in seats))


class TestUnowned:
    def test_partitions_that_nobody_has(self) -> None:
        found = working(("w-0", {"t": (0, 1)}), ("w-1", {"t": (3,)}))
        assert unowned(found, {"t": 5, "else": 3}) == {("t", 2), ("t", 4)}

    def test_topic_that_does_not_exist_is_nobodys_business(self) -> None:
        assert unowned(working(("w-0", {})), {}) == frozenset()


class TestUnsettled:
    BOTH = working(("w-0", {"t": (0,)}), ("w-1", {"t": (1,)}))

    def scene(self, found: Group, **generations: int) -> Scene:
        entries = {
            seat.replace("_", "-"): entry(seat.replace("_", "-"), generation_id=g) for seat, g in generations.items()
        }
        return Scene(found, entries, {"t": 2})

    def test_everybody_works(self) -> None:
        assert unsettled(self.scene(self.BOTH, w_0=5, w_1=5), without="w-2", after=4) == ()

    def test_seat_that_is_still_there(self) -> None:
        assert unsettled(self.scene(self.BOTH), without="w-1") == ("seat w-1 is still in the group",)

    def test_rebalance(self) -> None:
        found = working(("w-0", {}), state="PreparingRebalance")
        assert unsettled(self.scene(found, w_0=5)) == ("the group is PreparingRebalance, not Stable",)

    def test_partition_without_an_owner(self) -> None:
        assert unsettled(self.scene(working(("w-0", {"t": (1,)})))) == ("nobody has t[0]",)

    def test_worker_that_has_not_joined_the_new_generation(self) -> None:
        (told,) = unsettled(self.scene(self.BOTH, w_0=6, w_1=5))
        assert told == "w-1 did not join the new generation yet"
        (told,) = unsettled(self.scene(self.BOTH, w_0=5, w_1=5), after=5)
        assert told.startswith("w-0, w-1 did not join")

    def test_workers_outside_the_group_are_not_waited_for(self) -> None:
        assert unsettled(self.scene(self.BOTH, w_0=6, w_1=6, w_7=2), after=5) == ()

    def test_group_that_has_become_empty_has_nothing_to_settle(self) -> None:
        assert unsettled(Scene(Group("g", "Empty"), {}, {})) == ()


@pytest.mark.parametrize(
    ("most", "text"), [(5, "a, b, c"), (3, "a, b, c"), (2, "a, b and 1 more"), (1, "a and 2 more")]
)
def test_long_lists_are_cut(most: int, text: str) -> None:
    assert shortened(["a", "b", "c"], most) == text

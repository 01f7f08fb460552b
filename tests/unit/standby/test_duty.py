"""Who shadows which seat, what is to be read for it, and whether the tables are the same."""

from hypothesis import given
from hypothesis import strategies as st

from framework.membership.group import Group, Member
from framework.standby.duty import differences, duty, wishes

NAMES = st.sets(st.sampled_from([f"w-{number}" for number in range(12)]), min_size=1)


def member(seat: str, *topics: str, **actives: tuple[int, ...]) -> Member:
    return Member(f"{seat}-uuid", seat, seat, "/h", subscription=frozenset(topics), actives=actives)


@given(standbys=NAMES, seats=st.sets(st.sampled_from([f"f-{number}" for number in range(30)])))
def test_each_seat_is_shadowed_by_one(standbys: set[str], seats: set[str]) -> None:
    duties = [duty(own, standbys, sorted(seats)) for own in standbys]
    assert sorted(seat for each in duties for seat in each) == sorted(seats)
    sizes = [len(each) for each in duties]
    assert max(sizes) - min(sizes) <= 1


def test_both_are_counted_by_their_numbers() -> None:
    standbys = ["s-10", "s-2"]
    seats = ["f-10", "f-0", "f-1", "f-2"]
    assert duty("s-2", standbys, seats) == ("f-0", "f-2")
    assert duty("s-10", standbys, seats) == ("f-1", "f-10")


def test_a_standby_that_is_not_listed_yet_counts_itself() -> None:
    assert duty("s-1", [], ["f-0", "f-1"]) == ("f-0", "f-1")
    assert duty("s-1", ["s-0"], ["f-0", "f-1"]) == ("f-1",)


def test_wishes_are_the_active_changelogs_of_the_seats() -> None:
    group = Group("g", "Stable", (member("f-0", a=(2, 0), c=(0,)), member("f-1", c=(0, 1)), member("f-2", c=(5,))))
    assert wishes(["f-0", "f-1", "f-9"], group, {"c"}) == {"c": (0, 1)}
    assert wishes(["f-0"], group) == {"a": (0, 2), "c": (0,)}
    assert wishes([], group) == {}


class TestDifferences:
    def test_same_tables(self) -> None:
        group = Group("g", "Stable", (member("f-0", "in", "g-t-changelog"),))
        assert differences({"g-t-changelog"}, group) == ""

    def test_nobody_there_to_differ_from(self) -> None:
        assert differences({"g-t-changelog"}, Group("g", "Empty")) == ""

    def test_tables_on_one_side(self) -> None:
        group = Group("g", "Stable", (member("f-0", "in", "g-old-changelog"),))
        said = differences({"g-new-changelog"}, group)
        assert "that this code has not: g-old-changelog" in said
        assert "this code has tables that group g has not: g-new-changelog" in said

    def test_changelog_of_another_app_is_no_table_of_this_one(self) -> None:
        group = Group("g", "Stable", (member("f-0", "other-t-changelog", "g-changelog"),))
        assert differences([], group) == ""

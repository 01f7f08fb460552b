"""GEN, REPL and commit order out of decoded records."""

from tests.support.group_history import GroupHistory, Joined, generations_spent, joins, regressions, replacements
from tests.support.group_records import CommitRecord, GroupRecord, Member


def group(generation: int, **members: str) -> GroupRecord:
    seats = tuple(Member(member_id, instance, "client", (), frozenset()) for instance, member_id in members.items())
    return GroupRecord("g", generation, "faust", None, seats, 0.0)


def seated(member_id: str, at: float) -> GroupRecord:
    member = Member(member_id, "w1", "client", (), frozenset())
    return GroupRecord("g", 1, "faust", None, (Member("x", "w0", "other", (), frozenset()), member), at)


def commit(offset: int | None, partition: int = 0) -> CommitRecord:
    return CommitRecord("g", "in", partition, offset, 0.0)


def test_generations_spent_is_last_minus_first() -> None:
    assert generations_spent([group(4), group(4), group(6)]) == 2
    assert generations_spent([]) == 0


def test_a_new_member_id_at_the_same_generation_is_a_replacement() -> None:
    assert replacements([group(1, w0="a", w1="b"), group(1, w0="a", w1="c"), group(1, w0="d", w1="c")]) == 2


def test_a_seat_fight_shows_in_replacements_alone() -> None:
    fight = [group(1, w0=member_id) for member_id in "ababab"]

    assert (generations_spent(fight), replacements(fight)) == (0, 5)


def test_a_new_generation_is_no_replacement() -> None:
    assert replacements([group(1, w0="a"), group(2, w0="b"), group(3)]) == 0


def test_someone_new_at_the_same_generation_is_no_replacement() -> None:
    assert replacements([group(1, w0="a"), group(1, w0="a", w1="b")]) == 0


def test_joins_of_a_seat_are_its_new_member_ids() -> None:
    records = [seated("a", 1.0), seated("a", 2.0), seated("b", 3.0), group(2), seated("c", 5.0)]

    assert joins(records, "w1") == [Joined("b", 3.0), Joined("c", 5.0)]
    assert joins(records[:1], "w1") == joins([], "w1") == []
    assert joins(records, "w2") == []


def test_commits_that_go_back_are_found_a_partition_each() -> None:
    went_back = regressions([commit(5), commit(3, partition=1), commit(5), commit(4), commit(6)])

    assert [(before.offset, after.offset) for before, after in went_back] == [(5, 4)]


def test_a_deleted_commit_went_back() -> None:
    assert len(regressions([commit(5), commit(None)])) == 1


def test_history_since_an_earlier_one_starts_with_the_state_of_then() -> None:
    before = GroupHistory((group(1, w0="a"),), (commit(1),))
    now = GroupHistory((*before.groups, group(2, w0="a")), (*before.commits, commit(2)))

    assert now.since(before) == GroupHistory(now.groups, (commit(2),))
    assert before.since(before) == GroupHistory(before.groups, ())


def test_committed_is_the_last_commit_a_partition() -> None:
    history = GroupHistory((), (commit(1), commit(7, partition=1), commit(3)))

    assert history.committed("in") == {0: 3, 1: 7}
    assert history.committed("other") == {}

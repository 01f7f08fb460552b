"""What of a run is finished, and how far its partition may be committed."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from framework.streams.reading.runs import Ledger, Slice

FLIGHTS = TP("flights", 0)


def part_of(*offsets: int) -> Slice:
    return Slice(FLIGHTS, [SimpleNamespace(offset=offset) for offset in offsets], 1, size=7)


def take_in_turn(part: Slice) -> Any:
    record = next(part.rest)
    part.taken = record.offset + 1
    return record


def take_held(part: Slice) -> Any:
    record = next(part.rest)
    part.hold(record.offset)
    return record


def left(part: Slice) -> list[int]:
    """What nobody has taken; takes it."""
    return [record.offset for record in part.rest]


class TestSlice:
    def test_begins_with_nothing_taken(self) -> None:
        part = part_of(3, 4, 7)
        assert (len(part), part.unfinished, part.end) == (3, 3, 8)
        assert not part.is_in_hand
        assert not part.is_finished

    def test_in_turn(self) -> None:
        part = part_of(3, 4)
        take_in_turn(part)
        assert part.is_in_hand
        assert (len(part), part.unfinished) == (1, 3)
        part.finish(3)
        assert not part.is_in_hand
        assert part.unfinished == 4

    def test_finished_behind_the_last(self) -> None:
        part = part_of(3)
        take_in_turn(part)
        part.finish(3)
        assert part.is_finished
        assert part.unfinished is None

    def test_held_ones_are_finished_in_any_order(self) -> None:
        part = part_of(3, 4, 5)
        for _ in range(3):
            take_held(part)
        part.finish(4)
        assert part.unfinished == 3
        part.finish(3)
        assert part.unfinished == 5
        part.finish(5)
        assert part.is_finished

    def test_the_one_in_hand_is_held_when_another_is_taken(self) -> None:
        part = part_of(3, 6)
        take_in_turn(part)
        take_held(part)
        part.finish(6)
        assert part.unfinished == 3
        part.finish(3)
        assert part.is_finished

    def test_finished_twice_is_finished_once(self) -> None:
        part = part_of(3, 4)
        take_held(part)
        part.finish(3)
        part.finish(3)
        assert part.unfinished == 4

    def test_what_is_finished_has_not_failed(self) -> None:
        part = part_of(3)
        take_in_turn(part)
        part.failures[3] = 2
        part.finish(3)
        assert not part.failures

    def test_taken_and_not_finished(self) -> None:
        part = part_of(3, 4, 5)
        take_in_turn(part)
        part.finish(3)
        take_in_turn(part)
        assert [part.is_taken(offset) for offset in (3, 4, 5)] == [False, True, False]

    def test_put_back_comes_first(self) -> None:
        part = part_of(3, 4, 5)
        record = take_in_turn(part)
        part.put_back([record])
        assert not part.is_in_hand
        assert left(part) == [3, 4, 5]

    def test_what_is_put_back_beside_the_one_in_hand(self) -> None:
        part = part_of(3, 4, 5)
        first = take_held(part)
        take_in_turn(part)
        part.put_back([first])
        assert part.in_hand() == [4]
        assert take_held(part).offset == 3
        part.finish(3)
        assert take_in_turn(part).offset == 5
        part.finish(5)
        assert (part.unfinished, part.in_hand()) == (4, [4])
        part.finish(4)
        assert part.is_finished

    def test_what_is_put_back_beside_one_that_was_left(self) -> None:
        part = part_of(3, 4, 5)
        first = take_held(part)
        part.leave(take_in_turn(part).offset)
        part.put_back([first])
        assert (part.in_hand(), part.is_taken(4)) == ([], True)
        take_held(part)
        take_in_turn(part)
        assert sorted(part.in_hand()) == [3, 5]

    def test_what_is_let_go_beside_one_that_was_left(self) -> None:
        part = part_of(3, 4, 5)
        first = take_held(part)
        part.leave(take_in_turn(part).offset)
        part.let_go([first])
        assert (part.in_hand(), part.is_taken(4)) == ([], True)

    def test_one_taken_in_turn_that_was_let_go_stays_unfinished(self) -> None:
        part = part_of(3, 4, 5)
        part.let_go([take_in_turn(part)])
        assert (part.is_in_hand, part.in_hand(), part.unfinished) == (False, [], 3)
        take_in_turn(part)
        part.finish(4)
        assert (part.unfinished, part.is_finished) == (3, False)
        assert left(part) == [5]

    def test_held_one_that_was_let_go_stays_unfinished(self) -> None:
        part = part_of(3, 4)
        part.let_go([take_held(part)])
        part.finish(take_held(part).offset)
        assert (part.in_hand(), part.unfinished, part.is_finished) == ([], 3, False)

    def test_loop_over_what_was_put_back_ends(self) -> None:
        part = part_of(3, 4, 5)
        seen = []
        for record in part.rest:
            seen.append(record.offset)
            part.put_back([record])
        assert seen == [3]

    def test_dropped_loop_ends_and_nothing_is_put_back(self) -> None:
        part = part_of(3, 4, 5)
        seen = []
        for record in part.rest:
            part.taken = record.offset + 1
            seen.append(record.offset)
            part.drop()
        part.put_back([SimpleNamespace(offset=3)])
        assert (seen, len(part), part.is_dropped) == ([3], 0, True)

    def test_in_hand_of_a_dropped_one_still_counts(self) -> None:
        part = part_of(3, 4)
        take_in_turn(part)
        part.drop()
        assert part.is_in_hand
        part.finish(3)
        assert part.unfinished == 4

    def test_left_one_is_in_nobodys_hand(self) -> None:
        part = part_of(3)
        take_in_turn(part)
        part.is_left = True
        assert not part.is_in_hand
        assert part.unfinished == 3

    def test_one_that_is_finished_before_its_loop_is_left_says_nothing_of_the_next(self) -> None:
        part = part_of(3, 4)
        take_in_turn(part)
        part.finish(3)
        part.leave(3)
        take_in_turn(part)
        assert part.in_hand() == [4]

    def test_one_that_is_finished_after_its_loop_was_left_says_nothing_of_the_next(self) -> None:
        part = part_of(3, 4)
        take_in_turn(part)
        part.leave(3)
        part.finish(3)
        take_in_turn(part)
        assert part.in_hand() == [4]

    def test_released_one_still_knows_what_is_finished(self) -> None:
        part = part_of(3)
        take_held(part)
        part.release()
        assert part.unfinished == 3


class TestLedger:
    def test_knows_nothing(self) -> None:
        ledger = Ledger()
        assert ledger.committable(FLIGHTS) is None
        assert ledger.partitions() == []
        assert ledger.in_hand() == []

    def test_what_is_in_hand(self) -> None:
        ledger, one, other = Ledger(), part_of(3, 4), part_of(3, 4)
        ledger.add(one, "one")
        ledger.add(other, "other")
        take_in_turn(one)
        take_held(other)
        take_held(other)
        assert sorted(offset for _, offset in ledger.in_hand()) == [3, 3, 4]
        one.is_left = True
        assert sorted(offset for _, offset in ledger.in_hand()) == [3, 4]

    def test_progress_changes_with_what_is_finished(self) -> None:
        ledger, part = Ledger(), part_of(3, 4, 5)
        ledger.add(part, "one")
        seen = {ledger.progress()}
        for take in (take_in_turn, take_held, take_held):
            part.finish(take(part).offset)
            seen.add(ledger.progress())
        assert len(seen) == 4

    def test_forgotten(self) -> None:
        ledger, part = Ledger(), part_of(3)
        ledger.add(part, "one")
        ledger.forget(FLIGHTS)
        part.finish(3)
        assert ledger.committable(FLIGHTS) is None
        assert ledger.partitions() == []

"""What a changelog record's headers say, and what is made of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.tables.books import Book, Ledger
from framework.streams.tables.sources import Sources
from framework.streams.tables.stamps import (
    CARRIED,
    CHANGES,
    COMPLETE,
    OLD,
    Change,
    Point,
    Stamps,
    as_headers,
    stamps_of,
)

SOURCE = b"3 flights agents.sums of all"
OTHER = b"0 flights other"
NUMBERS = st.integers(0, 2**45)


CHANGED = st.lists(st.builds(Change, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([SOURCE, OTHER])), max_size=3)


@given(CHANGED, CHANGED)
def test_headers_are_read_as_they_were_written(changes: list[Change], carried: list[Change]) -> None:
    points = [Point(change.born, change.time, change.offset, change.source) for change in changes[:2]]
    expected = Stamps(changes, points, carried) if changes or carried else None
    assert stamps_of(as_headers(changes, points, carried)) == expected


@pytest.mark.parametrize(
    "headers",
    [None, (), {}, [("other", b"x")], [(OLD, b"x")], [(OLD, b"a b c d")], [(CHANGES, b"1 2")], [(CARRIED, b"1 2")]],
)
def test_headers_that_tell_nothing(headers: Any) -> None:
    assert stamps_of(headers) is None


@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_headers_in_each_form(kind: type) -> None:
    change = Change(0, 1, 2, 3, SOURCE)
    assert stamps_of(kind([("other", b"x"), *as_headers([change], ())])) == Stamps([change], [], [])


def note(ledger: Ledger, key: bytes, offset: int, number: int = 1, *, born: int = 0, time: int = 5) -> bool:
    return ledger.note(key, Stamps([Change(born, time, offset, number, SOURCE)], []))


def tell(ledger: Ledger, key: bytes, offset: int, *, born: int = 0, time: int = 5) -> bool:
    return ledger.note(key, Stamps([], [Point(born, time, offset, SOURCE)]))


def test_what_is_known_of_a_key_never_goes_back() -> None:
    ledger = Ledger()
    assert note(ledger, b"a", 7, 2)
    assert note(ledger, b"a", 7, 2), "it may have been changed by somebody else"
    assert not note(ledger, b"a", 7, 1)
    assert not note(ledger, b"a", 6, 9)
    assert note(ledger, b"b", 6)


def test_what_a_record_only_carries_does_not_make_it_late() -> None:
    ledger = Ledger()
    tell(ledger, b"x", 8)
    assert ledger.note(b"a", Stamps([Change(0, 5, 1, 1, OTHER)], [], [Change(0, 5, 3, 1, SOURCE)]))
    assert ledger.note(b"a", Stamps([], [], [Change(0, 5, 3, 1, SOURCE)]))
    assert not ledger.note(b"a", Stamps([Change(0, 5, 3, 1, SOURCE)], [], [Change(0, 5, 2, 1, OTHER)]))


def test_what_a_record_carries_is_known_from_it() -> None:
    ledger = Ledger()
    ledger.note(b"a", Stamps([Change(0, 5, 1, 1, OTHER)], [], [Change(0, 5, 3, 2, SOURCE)]))
    assert ledger.book(SOURCE).keys == {b"a": (3, 2)}
    assert not note(ledger, b"a", 3, 1)


def test_a_point_takes_the_place_of_what_is_known_before_it() -> None:
    ledger = Ledger()
    for offset in range(10):
        note(ledger, b"%d" % offset, offset)
    tell(ledger, b"x", 8)
    book = ledger.book(SOURCE)
    assert (book.told, book.keys, book.carrier) == (8, {b"8": (8, 1), b"9": (9, 1)}, b"x")
    assert not note(ledger, b"c", 7)


def test_a_topic_that_was_made_anew() -> None:
    ledger = Ledger()
    note(ledger, b"a", 7)
    assert note(ledger, b"b", 0, born=9, time=9)
    assert ledger.book(SOURCE).keys == {b"b": (0, 1)}
    assert not note(ledger, b"a", 8), "it is of the old one"


def old(offset: int, number: int = 1, *, time: int = 5) -> tuple[tuple[str, bytes], ...]:
    return ((OLD, b"%d %d %d %b" % (time, offset, number, SOURCE)),)


def read(sources: Sources, key: bytes, headers: Any) -> bool:
    return sources.note(SimpleNamespace(tp=TP("log", 0), key=key, headers=headers))


def test_older_form_says_that_all_earlier_events_are_in() -> None:
    sources = Sources()
    assert read(sources, b"a", old(7))
    assert read(sources, b"b", old(7, 2))
    book = sources.ledger(TP("log", 0)).book(SOURCE)
    assert (book.told, book.keys) == (7, {b"a": (7, 1), b"b": (7, 2)})
    assert not read(sources, b"c", old(6))
    assert read(sources, b"a", old(0, time=9)), "the topic was made anew"
    assert (book.told, book.keys) == (0, {b"a": (0, 1)})
    assert not read(sources, b"b", old(8, time=5)), "it is of the old topic"


def test_record_of_another_source_tells_what_it_replaces() -> None:
    ledger = Ledger()
    note(ledger, b"a", 7)
    tell(ledger, b"b", 5)
    assert ledger.carried(b"a") == [(0, 5, 7, 1, SOURCE)]
    assert ledger.carried(b"c") == []
    assert ledger.points(b"b") == [Point(0, 5, 5, SOURCE)]
    assert ledger.points(b"a") == []


def test_event_that_comes_again_makes_only_what_it_has_not_made() -> None:
    book = Book(SOURCE)
    book.begin(7, 1)
    book.made["a"] = 1
    book.begin(7, 1)
    assert book.is_replay
    assert [book.replay("a", b"a", 0), book.replay("a", b"a", 0), book.replay("b", b"b", 1)] == [None, 2, None]
    book.begin(6, 1)
    assert book.replay("c", b"c", 0) is None, "all of it was made before the event behind it began"


def test_names() -> None:
    assert Sources().name("agents.sums of all", TP("flights", 3)) == SOURCE
    assert {CHANGES, COMPLETE, OLD} == {"framework-changes", "framework-complete", "framework-source"}

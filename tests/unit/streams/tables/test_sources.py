"""What a changelog record's header says, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.sources import HEADER, Book, Change, change_of

SOURCE = b"3 flights agents.sums of all"


@given(st.integers(0, 2**45), st.integers(0, 2**62), st.integers(1, 9999))
def test_header_is_read_as_it_was_written(time: int, offset: int, number: int) -> None:
    change = Change(time, offset, number, SOURCE)
    assert Change.from_header(change.to_header()) == change


@pytest.mark.parametrize("headers", [None, (), {}, [("other", b"x")], [(HEADER, b"x")], [(HEADER, b"a b c d")]])
def test_headers_that_tell_nothing(headers: object) -> None:
    assert change_of(headers) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_headers_in_each_form(kind: type) -> None:
    change = Change(1, 2, 3, SOURCE)
    assert change_of(kind([("other", b"x"), (HEADER, change.to_header())])) == change


def test_what_is_known_never_goes_back() -> None:
    book = Book()
    assert book.note(Change(5, 7, 1, SOURCE), b"a")
    assert book.note(Change(5, 7, 2, SOURCE), b"a")
    assert not book.note(Change(5, 7, 1, SOURCE), b"a")
    assert not book.note(Change(5, 6, 1, SOURCE), b"b")
    assert (book.offset, book.survived) == (7, {b"a": 2})


def test_only_the_last_event_is_remembered_key_by_key() -> None:
    book = Book()
    for offset in range(100):
        book.note(Change(5, offset, 1, SOURCE), b"%d" % offset)
    assert book.survived == {b"99": 1}


def test_each_key_of_an_event_has_a_place() -> None:
    book = Book()
    book.note(Change(5, 7, 1, SOURCE), b"a")
    assert [book.place(key) for key in (b"a", b"b", b"a")] == [0, 1, 0]
    book.note(Change(5, 8, 1, SOURCE), b"b")
    assert book.place(b"b") == 0

"""Records of the roster, and the view that they add up to."""

import contextlib
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.identity import Incarnation
from framework.membership.roster import STALE_AFTER, Entry, Wanted
from framework.membership.roster_records import FORMAT, WANTED_KEY, UnreadableRecordError, decode, encode, encode_wanted
from framework.membership.roster_view import RosterView
from framework.states import GONE, SeatState
from tests.support.roster import ENTRY

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBER = st.integers(0, 2**53)
ENTRIES = st.builds(
    Entry,
    group_instance_id=TEXT,
    client_id=TEXT,
    incarnation=st.builds(Incarnation, host=TEXT, pid=NUMBER, start_ms=NUMBER, suffix=TEXT),
    state=st.sampled_from(SeatState),
    since_ms=NUMBER,
    service=TEXT,
    ordinal=st.none() | NUMBER,
    interval=st.floats(0.1, 60),
    role=TEXT,
    generation_id=st.integers(-1, 2**31 - 1),
    member_id=TEXT,
    assignment=st.dictionaries(TEXT, st.lists(st.integers(0, 2**31 - 1), max_size=4).map(tuple), max_size=3),
    heartbeat_age=st.none() | st.floats(0, 1e6),
    reason=TEXT,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
FIELDS = orjson.loads(encode(ENTRY))
KEY = ENTRY.group_instance_id.encode()


class TestRecords:
    @given(ENTRIES)
    def test_entry_comes_back(self, entry: Entry) -> None:
        assert decode(entry.group_instance_id.encode(), encode(entry)) == entry

    @given(st.integers(0, 10**6), st.frozensets(TEXT))
    def test_wish_comes_back(self, count: int, surplus: frozenset[str]) -> None:
        wanted = Wanted(count, surplus)
        assert decode(WANTED_KEY, encode_wanted(wanted)) == wanted

    @given(st.none() | st.just(WANTED_KEY) | st.binary(max_size=20), st.binary(max_size=60))
    def test_garbage(self, key: bytes | None, value: bytes) -> None:
        with pytest.raises(UnreadableRecordError):
            decode(key, value)

    @given(st.sampled_from(sorted(FIELDS)), JSON)
    def test_any_field_may_be_garbage(self, name: str, value: object) -> None:
        with contextlib.suppress(UnreadableRecordError):
            assert isinstance(decode(KEY, orjson.dumps({**FIELDS, name: value})), Entry)

    @pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"boot_id"}))
    def test_missing_field(self, name: str) -> None:
        fields = {field: value for field, value in FIELDS.items() if field != name}
        with pytest.raises(UnreadableRecordError):
            decode(KEY, orjson.dumps(fields))

    def test_entry_from_before_there_was_a_boot_id(self) -> None:
        fields = {field: value for field, value in FIELDS.items() if field != "boot_id"}
        found = decode(KEY, orjson.dumps(fields))
        assert isinstance(found, Entry)
        assert found.boot_id == ""

    def test_interval_that_nobody_would_live_to_see_is_not_believed(self) -> None:
        found = decode(KEY, orjson.dumps({**FIELDS, "interval": 1e9}))
        assert isinstance(found, Entry)
        assert found.stale_after <= 300.0

    def test_newer_format_is_named(self) -> None:
        value = orjson.dumps({**FIELDS, "format": FORMAT + 1})
        with pytest.raises(UnreadableRecordError, match=f"format {FORMAT + 1} is newer than {FORMAT}"):
            decode(KEY, value)

    def test_new_fields_of_this_format_do_no_harm(self) -> None:
        assert decode(KEY, orjson.dumps({**FIELDS, "mood": "good"})) == ENTRY

    @pytest.mark.parametrize("key", [None, b"w-1", WANTED_KEY])
    def test_key_of_another_seat(self, key: bytes | None) -> None:
        with pytest.raises(UnreadableRecordError):
            decode(key, encode(ENTRY))


OTHER = replace(ENTRY, client_id="w-0@other#1700000000001-0000abce", incarnation=Incarnation("other", 1, 1, "1"))


def view_of(*entries: Entry, now: float = 100.0) -> RosterView:
    view = RosterView()
    for entry in entries:
        view.apply(entry.group_instance_id.encode(), encode(entry), now, 0)
    return view


class TestView:
    def test_last_record_of_a_seat_counts(self) -> None:
        view = view_of(ENTRY, OTHER)
        assert {seat: seen.entry for seat, seen in view.seats().items()} == {"w-0": OTHER}
        view.apply(KEY, encode(ENTRY), 101.0, 0)
        assert view.seats()["w-0"].entry == ENTRY

    def test_each_incarnation_is_remembered(self) -> None:
        view = view_of(ENTRY, OTHER)
        first = view.of("w-0", ENTRY.client_id)
        assert first is not None
        assert first.entry == ENTRY
        assert view.of("w-0", "nobody") is None
        assert view.of("w-9", ENTRY.client_id) is None

    def test_incarnations_that_were_replaced_for_long_are_forgotten(self) -> None:
        view = view_of(*(replace(ENTRY, client_id=f"client-{number}") for number in range(9)))
        assert view.of("w-0", "client-0") is None
        assert view.of("w-0", "client-1") is not None

    def test_live_one_is_found_behind_one_that_has_gone(self) -> None:
        view = view_of(ENTRY, replace(OTHER, state=SeatState.STOPPED))
        live = view.live("w-0", 100.0)
        assert live is not None
        assert live.entry == ENTRY
        assert view.live("w-9", 100.0) is None

    @pytest.mark.parametrize("state", SeatState)
    def test_alive_is_who_has_not_said_that_it_goes(self, state: SeatState) -> None:
        seen = view_of(replace(ENTRY, state=state)).seats()["w-0"]
        assert seen.is_alive(100.0) is (state not in GONE)

    @pytest.mark.parametrize(("interval", "stale_after"), [(0.1, STALE_AFTER), (1.0, STALE_AFTER), (60.0, 300.0)])
    def test_alive_is_who_has_renewed_its_entry(self, interval: float, stale_after: float) -> None:
        seen = view_of(replace(ENTRY, interval=interval)).seats()["w-0"]
        assert seen.age(103.0) == 3.0
        assert seen.is_alive(100.0 + stale_after - 0.01)
        assert not seen.is_alive(100.0 + stale_after)

    def test_deleted_key(self) -> None:
        view = view_of(ENTRY, OTHER)
        view.apply(WANTED_KEY, encode_wanted(Wanted(2)), 100.0, 0)
        view.apply(KEY, None, 101.0, 0)
        assert view.seats() == {}
        assert view.wanted == Wanted(2)
        view.apply(WANTED_KEY, None, 102.0, 0)
        assert view.wanted is None
        view.apply(None, None, 103.0, 0)
        view.apply(b"\xff", None, 103.0, 0)

    def test_unreadable_record_changes_nothing(self) -> None:
        view = view_of(ENTRY)
        with pytest.raises(UnreadableRecordError):
            view.apply(KEY, b"{}", 101.0, 0)
        assert view.seats() == view_of(ENTRY).seats()

"""Records of the roster, and the view that they add up to."""

import contextlib
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.identity import Incarnation
from framework.membership.roster import (
    STALE_AFTER,
    Entry,
    GaveUp,
    Order,
    OrderKind,
    Restarting,
    Shadowing,
    Takeover,
    Wanted,
    Watch,
)
from framework.membership.roster_records import (
    FORMAT,
    WANTED_KEY,
    UnreadableRecordError,
    decode,
    encode,
    encode_gave_up,
    encode_order,
    encode_restarting,
    encode_wanted,
    encode_watch,
    gave_up_key,
)
from framework.membership.roster_view import RosterView
from framework.states import GONE, SeatState, ShadowState
from tests.support.roster import ENTRY

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INSTANCE_ID = TEXT.filter(lambda text: not text.startswith("#"))
"""More than Kafka allows in one, but no key of another kind of record."""

NUMBER = st.integers(0, 2**53)
ENTRIES = st.builds(
    Entry,
    group_instance_id=INSTANCE_ID,
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
    boot_id=TEXT,
    standby_id=TEXT,
    lease=st.floats(0, 60),
    successor=TEXT,
    uncommitted=NUMBER,
    takeover=st.none() | st.builds(Takeover, TEXT, TEXT, st.floats(0, 1e6), st.none() | st.floats(0, 1e6)),
    shadowing=st.none()
    | st.builds(
        Shadowing,
        group_id=TEXT,
        state=st.sampled_from(ShadowState),
        problem=TEXT,
        failover_after=st.floats(0.5, 60),
        lags=st.dictionaries(TEXT, st.none() | NUMBER, max_size=3),
    ),
)
LATER = {"boot_id", "standby_id", "lease", "successor", "uncommitted", "takeover", "shadowing"}
"""Fields that entries of earlier versions do not have."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
WATCH = Watch("w-standby-0", frozenset({"w-0", "w-1"}), 3.0)
ORDER = Order("w-0", OrderKind.HANDOVER, ENTRY.client_id, "w-standby-0@host#2-0b")
RESTARTING = Restarting("w-0", "w-0@host#5-0e")
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

    @pytest.mark.parametrize("name", sorted(FIELDS.keys() - LATER))
    def test_missing_field(self, name: str) -> None:
        fields = {field: value for field, value in FIELDS.items() if field != name}
        with pytest.raises(UnreadableRecordError):
            decode(KEY, orjson.dumps(fields))

    def test_entry_of_an_earlier_version(self) -> None:
        fields = {field: value for field, value in FIELDS.items() if field not in LATER}
        assert decode(KEY, orjson.dumps(fields)) == ENTRY

    @pytest.mark.parametrize("name", ["takeover", "shadowing"])
    @given(inner=JSON)
    def test_what_is_inside_a_field_may_be_garbage(self, name: str, inner: object) -> None:
        with contextlib.suppress(UnreadableRecordError):
            assert isinstance(decode(KEY, orjson.dumps({**FIELDS, name: inner})), Entry)

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


class TestWords:
    """Records that are about a seat, and no entry."""

    WORDS = [
        (gave_up_key("w-0"), encode_gave_up(GaveUp("w-0", "host", "c")), GaveUp("w-0", "host", "c")),
        (*encode_watch(WATCH), WATCH),
        (*encode_order(ORDER), ORDER),
        (*encode_restarting(RESTARTING), RESTARTING),
    ]

    @pytest.mark.parametrize(("key", "value", "word"), WORDS, ids=lambda value: type(value).__name__)
    def test_word_comes_back(self, key: bytes, value: bytes, word: object) -> None:
        assert decode(key, value) == word

    @pytest.mark.parametrize(("key", "value", "word"), WORDS, ids=lambda value: type(value).__name__)
    def test_missing_field(self, key: bytes, value: bytes, word: object) -> None:
        fields = orjson.loads(value)
        with pytest.raises(UnreadableRecordError):
            decode(key, orjson.dumps({"format": fields["format"]}))

    def test_word_that_this_version_does_not_know(self) -> None:
        with pytest.raises(UnreadableRecordError, match="no record that this version knows: #wish"):
            decode(b"#wish:w-0", b'{"format": 1}')

    def test_order_that_this_version_does_not_know(self) -> None:
        key, value = encode_order(ORDER)
        with pytest.raises(UnreadableRecordError):
            decode(key, orjson.dumps({**orjson.loads(value), "kind": "dance"}))


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


STANDBY = replace(
    ENTRY,
    group_instance_id="w-standby-0",
    client_id="w-standby-0@host#2-0b",
    role="standby",
    shadowing=Shadowing("g-standby", ShadowState.WARM, lags={"w-0": 0, "w-1": None}),
)


def hear(view: RosterView, *words: tuple[bytes, bytes | None], now: float = 100.0) -> RosterView:
    for key, value in words:
        view.apply(key, value, now, 0)
    return view


class TestStandbys:
    def test_standby_sits_in_no_seat(self) -> None:
        view = view_of(ENTRY, STANDBY)
        assert list(view.seats()) == ["w-0"]
        assert list(view.standbys()) == ["w-standby-0"]

    def test_shadows_of_a_seat(self) -> None:
        second = replace(STANDBY, group_instance_id="w-standby-1", client_id="c1")
        elsewhere = replace(
            STANDBY, group_instance_id="w-standby-2", client_id="c2", shadowing=Shadowing("g", ShadowState.WARM)
        )
        starting = replace(STANDBY, group_instance_id="w-standby-3", client_id="c3", shadowing=None)
        view = view_of(second, STANDBY, elsewhere, starting, ENTRY)
        assert list(view.shadows_of("w-0", 101.0)) == ["w-standby-0", "w-standby-1"]
        assert view.shadows_of("w-9", 101.0) == {}
        assert view.shadows_of("w-0", 100.0 + STALE_AFTER) == {}

    def test_shortest_failover_time_counts(self) -> None:
        slow = Watch("w-standby-1", frozenset({"w-1", "w-2"}), 10.0)
        view = hear(RosterView(), encode_watch(WATCH), encode_watch(slow))
        assert [view.failover_after(seat) for seat in ("w-0", "w-1", "w-2", "w-9")] == [3.0, 3.0, 10.0, None]

    def test_watch_that_is_given_up(self) -> None:
        key, value = encode_watch(WATCH)
        view = hear(RosterView(), (key, value), (key, None))
        assert view.failover_after("w-0") is None

    def test_watch_of_other_seats_replaces_the_one_before(self) -> None:
        view = hear(RosterView(), encode_watch(WATCH), encode_watch(replace(WATCH, seats=frozenset({"w-2"}))))
        assert [view.failover_after(seat) for seat in ("w-0", "w-2")] == [None, 3.0]

    def test_last_order_counts(self) -> None:
        drill = replace(ORDER, kind=OrderKind.DRILL)
        view = hear(RosterView(), encode_order(ORDER))
        hear(view, encode_order(drill), now=101.0)
        assert view.order_for("w-0") == (drill, 101.0)
        assert view.order_for("w-9") is None

    def test_entry_that_is_deleted_takes_no_other_record_of_that_name_along(self) -> None:
        of_seat = encode_watch(replace(WATCH, standby_id="w-0"))
        view = hear(view_of(ENTRY), encode_order(ORDER), of_seat, (b"w-0", None))
        assert view.seats() == {}
        assert view.order_for("w-0") is not None
        assert view.failover_after("w-0") == 3.0

    def test_next_process_of_a_seat(self) -> None:
        view = hear(RosterView(), encode_restarting(RESTARTING))
        assert view.restarting("w-0") == (RESTARTING, 100.0)
        assert view.restarting("w-9") is None

"""A record becomes a flight, or it is refused with a reason; nothing in between."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.flights.malformed import malformed_rows
from apps.flights.model import FIELDS, Flight, MalformedFlightError, Reason, decode, encode, from_line
from tests.unit.flights.some import CANCELLED_LINE, LINE, flights


def test_a_line_of_the_file_becomes_a_typed_flight() -> None:
    flight = from_line(LINE.split(","))

    assert (flight.carrier, flight.dep_time, flight.arr_delay, flight.distance) == ("UA", 517, 11, 1400)
    assert flight.time_hour.isoformat() == "2013-01-01T10:00:00+00:00"


def test_na_becomes_none() -> None:
    flight = from_line(CANCELLED_LINE.split(","))

    assert flight.is_cancelled
    assert (flight.dep_delay, flight.arr_time, flight.air_time, flight.tailnum) == (None, None, None, None)


def test_a_line_with_a_field_too_few_is_refused() -> None:
    with pytest.raises(ValueError):
        from_line(LINE.split(",")[:-1])


@given(flights)
def test_what_is_encoded_is_decoded_to_the_same(flight: Flight) -> None:
    assert decode(encode(flight), flight.carrier.encode()) == flight


@given(st.binary(max_size=200) | st.none(), st.binary(max_size=3) | st.none())
def test_any_bytes_are_a_flight_or_refused(value: bytes | None, key: bytes | None) -> None:
    with pytest.raises(MalformedFlightError) as refused:
        decode(value, key)

    assert refused.value.reason is Reason.UNDECODABLE


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(flights, st.sampled_from(FIELDS), json)
def test_a_flight_with_any_field_replaced_is_a_flight_or_refused(flight: Flight, name: str, value: object) -> None:
    changed = orjson.dumps({**orjson.loads(encode(flight)), name: value})

    with suppress(MalformedFlightError):
        assert decode(changed, flight.carrier.encode()).carrier == flight.carrier


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"carrier": None}, Reason.MISSING),
        ({"distance": None}, Reason.MISSING),
        ({"month": "1"}, Reason.WRONG_TYPE),
        ({"flight": True}, Reason.WRONG_TYPE),
        ({"month": 13}, Reason.IMPOSSIBLE),
        ({"day": 31, "month": 2}, Reason.IMPOSSIBLE),
        ({"dep_time": 1275}, Reason.IMPOSSIBLE),
        ({"dep_time": None}, Reason.IMPOSSIBLE),
        ({"time_hour": "yesterday"}, Reason.IMPOSSIBLE),
        ({"carrier": "Delta"}, Reason.IMPOSSIBLE),
        ({"carrier": "DL"}, Reason.WRONG_KEY),
    ],
)
def test_a_fault_has_its_reason(change: dict[str, object], reason: Reason) -> None:
    value = orjson.dumps({**orjson.loads(encode(from_line(LINE.split(",")))), **change})

    with pytest.raises(MalformedFlightError) as refused:
        decode(value, b"UA")

    assert refused.value.reason is reason


def test_every_injected_row_is_refused_for_the_reason_it_claims() -> None:
    for row in malformed_rows(60):
        with pytest.raises(MalformedFlightError) as refused:
            decode(row.value, row.key)
        assert refused.value.reason is row.reason

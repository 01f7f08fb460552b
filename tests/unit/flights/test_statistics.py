"""Totals are exact, whatever the order of the flights and however often they are kept and read back."""

from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from apps.flights.model import Flight, from_line
from apps.flights.statistics import ALERT_AFTER, CarrierStatistics, needs_alert, totals
from tests.unit.flights.some import CANCELLED_LINE, LINE, flights

some_flights = st.lists(flights, max_size=12)


@given(some_flights, st.randoms())
def test_the_order_of_flights_does_not_matter(given_flights: list[Flight], random: object) -> None:
    shuffled = list(given_flights)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert totals(shuffled) == totals(given_flights)


@given(some_flights)
def test_totals_kept_as_json_and_read_back_after_each_flight_are_the_same(given_flights: list[Flight]) -> None:
    kept: dict[str, bytes] = {}
    for flight in given_flights:
        before = CarrierStatistics.from_json(orjson.loads(kept.get(flight.carrier, b"null")))
        kept[flight.carrier] = orjson.dumps(before.with_flight(flight).as_json())

    assert {carrier: CarrierStatistics.from_json(orjson.loads(value)) for carrier, value in kept.items()} == totals(
        given_flights
    )


@given(some_flights, st.integers(1, 4))
def test_totals_times_n_are_those_of_n_passes(given_flights: list[Flight], times: int) -> None:
    once = totals(given_flights)

    assert {carrier: found.times(times) for carrier, found in once.items()} == totals(given_flights * times)


@given(some_flights)
def test_each_flight_left_or_was_cancelled(given_flights: list[Flight]) -> None:
    for found in totals(given_flights).values():
        assert found.cancelled + found.diverted <= found.flights
        assert found.alerts <= found.late_arrivals <= found.flights


def test_a_flight_is_added() -> None:
    found = CarrierStatistics().with_flight(from_line(LINE.split(",")))

    assert found == CarrierStatistics(1, 0, 0, 1, 0, 2, 2, 11, 11, 227, 1400)


def test_a_cancelled_flight_has_no_delay() -> None:
    found = CarrierStatistics().with_flight(from_line(CANCELLED_LINE.split(",")))

    assert (found.cancelled, found.diverted, found.dep_delay_max, found.distance_sum) == (1, 0, None, 416)


def test_an_alert_needs_more_than_two_hours() -> None:
    flight = from_line(LINE.split(","))

    assert not needs_alert(replace(flight, arr_delay=ALERT_AFTER))
    assert needs_alert(replace(flight, arr_delay=ALERT_AFTER + 1))
    assert not needs_alert(replace(flight, arr_delay=None))

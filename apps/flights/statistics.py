"""What is known of a carrier's delays: exact whole numbers, whatever the order of its flights; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.flights.model import Flight

ALERT_AFTER = 120
"""Minutes of arrival delay above which a flight is worth an alert."""


@dataclass(frozen=True, slots=True)
class CarrierStatistics:
    """The totals of one carrier. Sums and maxima are over the flights that have the value; times are minutes.

    Attributes:
        flights: flights planned.
        cancelled: flights that never left.
        diverted: flights that left and have no arrival delay, as they landed elsewhere or their data is missing.
        late_arrivals: flights that arrived after their time.
        alerts: flights that arrived more than `ALERT_AFTER` minutes late.
        dep_delay_sum: sum of departure delays; early departures are negative.
        dep_delay_max: highest departure delay, None when no flight left.
        arr_delay_sum: sum of arrival delays; early arrivals are negative.
        arr_delay_max: highest arrival delay, None when no flight arrived.
        air_time_sum: time in the air.
        distance_sum: miles planned, cancelled flights included.
    """

    flights: int = 0
    cancelled: int = 0
    diverted: int = 0
    late_arrivals: int = 0
    alerts: int = 0
    dep_delay_sum: int = 0
    dep_delay_max: int | None = None
    arr_delay_sum: int = 0
    arr_delay_max: int | None = None
    air_time_sum: int = 0
    distance_sum: int = 0

    def with_flight(self, flight: Flight) -> "CarrierStatistics":
        """The totals with one flight more."""
        return CarrierStatistics(
            flights=self.flights + 1,
            cancelled=self.cancelled + flight.is_cancelled,
            diverted=self.diverted + (flight.arr_delay is None and not flight.is_cancelled),
            late_arrivals=self.late_arrivals + ((flight.arr_delay or 0) > 0),
            alerts=self.alerts + needs_alert(flight),
            dep_delay_sum=self.dep_delay_sum + (flight.dep_delay or 0),
            dep_delay_max=_higher(self.dep_delay_max, flight.dep_delay),
            arr_delay_sum=self.arr_delay_sum + (flight.arr_delay or 0),
            arr_delay_max=_higher(self.arr_delay_max, flight.arr_delay),
            air_time_sum=self.air_time_sum + (flight.air_time or 0),
            distance_sum=self.distance_sum + flight.distance,
        )

    def times(self, count: int) -> "CarrierStatistics":
        """The totals when every flight came `count` times; maxima stay."""
        numbers = self.as_json()
        return CarrierStatistics(**{name: n if name.endswith("_max") else n * count for name, n in numbers.items()})

    def as_json(self) -> dict[str, int | None]:
        """The totals as they are kept in the table and its changelog."""
        return {name: getattr(self, name) for name in NAMES}

    @classmethod
    def from_json(cls, found: Mapping[str, Any] | None) -> "CarrierStatistics":
        """The totals kept in the table, or those of no flight.

        Raises:
            TypeError: a name is unknown: the table was written by another version of this app.
        """
        return cls(**found) if found else cls()


NAMES = tuple(field.name for field in fields(CarrierStatistics))
"""The names of the totals."""


def needs_alert(flight: Flight) -> bool:
    """Whether the flight arrived so late that somebody should hear of it."""
    return flight.arr_delay is not None and flight.arr_delay > ALERT_AFTER


def totals(flights: Iterable[Flight]) -> dict[str, CarrierStatistics]:
    """{carrier: statistics} of all flights given."""
    found: dict[str, CarrierStatistics] = {}
    for flight in flights:
        found[flight.carrier] = found.get(flight.carrier, CarrierStatistics()).with_flight(flight)
    return found


def _higher(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)

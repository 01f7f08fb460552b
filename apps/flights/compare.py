"""What should be in Kafka after a replay, what was found, and where the two differ; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

from apps.flights.malformed import malformed_row
from apps.flights.model import Flight
from apps.flights.statistics import CarrierStatistics, needs_alert, totals

K = TypeVar("K")
Kept = tuple[str, bytes | None, bytes | None]
"""A malformed record as kept: the header `row`, the key, the value."""


NUMBERS = tuple(number.name for number in fields(CarrierStatistics))
"""The names of a carrier's totals."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a replay leaves behind when every record is processed once.

    Attributes:
        statistics: {carrier: totals}.
        alerts: the rows, as in the header `row`, whose flights need an alert.
        malformed: {record: 1} of all injected ones.
        reasons: {reason: injected records that have it}.
    """

    statistics: Mapping[str, CarrierStatistics]
    alerts: frozenset[str] = frozenset()
    malformed: Mapping[Kept, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in Kafka.

    Attributes:
        statistics: {carrier: totals}, the last value of each key in the table's changelog.
        alerts: {row: alerts with it}.
        malformed: {record: how often it was kept}.
        reasons: {reason: count}, from the changelog of the table of counts.
    """

    statistics: Mapping[str, CarrierStatistics]
    alerts: Mapping[str, int] = field(default_factory=dict)
    malformed: Mapping[Kept, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not as expected: where it is kept, what it is called, both values."""

    place: str
    name: str
    expected: int | None
    found: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Records of one kind: expected, found, and how many are lost and duplicated among them."""

    expected: int
    found: int
    lost: int
    duplicated: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a comparison.

    Attributes:
        flights: counted a carrier, as the table keeps no single flight: one lost and one duplicated flight of the
            same carrier cancel out here, and show as differences of the sums instead.
        alerts: counted a row.
        malformed: counted a record, byte for byte.
        differences: every number that is not as expected.
    """

    flights: Tally
    alerts: Tally
    malformed: Tally
    differences: tuple[Difference, ...]

    @property
    def is_equal(self) -> bool:
        """Whether Kafka holds exactly what the file says."""
        tallies = (self.flights, self.alerts, self.malformed)
        return not self.differences and not any(tally.lost or tally.duplicated for tally in tallies)

    @property
    def lost(self) -> int:
        """Records of all kinds that should be there and are not."""
        return self.flights.lost + self.alerts.lost + self.malformed.lost

    @property
    def duplicated(self) -> int:
        """Records of all kinds beyond the first."""
        return self.flights.duplicated + self.alerts.duplicated + self.malformed.duplicated


def expect(flights: Iterable[Flight], *, times: int = 1, malformed: int = 0) -> Expected:
    """What is to be found after `flights` were replayed `times` times with `malformed` records injected."""
    late: list[int] = []
    once = totals(_noting_late(flights, late))
    rows = sum(found.flights for found in once.values())
    injected = {f"injected-{number}": malformed_row(number) for number in range(1, malformed + 1)}
    return Expected(
        statistics={carrier: found.times(times) for carrier, found in once.items()},
        alerts=frozenset(str(turn * rows + row) for turn in range(times) for row in late),
        malformed={(name, row.key, row.value): 1 for name, row in injected.items()},
        reasons=Counter(row.reason.value for row in injected.values()),
    )


def compare(expected: Expected, found: Found) -> Report:
    """Where what was found differs from what is expected."""
    flights = tally(
        {carrier: kept.flights for carrier, kept in expected.statistics.items()},
        {carrier: kept.flights for carrier, kept in found.statistics.items()},
    )
    return Report(
        flights=flights,
        alerts=tally(dict.fromkeys(expected.alerts, 1), found.alerts),
        malformed=tally(expected.malformed, found.malformed),
        differences=(*_statistics_differ(expected, found), *_reasons_differ(expected, found)),
    )


def tally(expected: Mapping[K, int], found: Mapping[K, int]) -> Tally:
    """Lost and duplicated, a key at a time; what has an unknown key counts as duplicated."""
    return Tally(
        expected=sum(expected.values()),
        found=sum(found.values()),
        lost=sum(max(0, count - found.get(key, 0)) for key, count in expected.items()),
        duplicated=sum(max(0, count - expected.get(key, 0)) for key, count in found.items()),
    )


def _noting_late(flights: Iterable[Flight], late: list[int]) -> Iterable[Flight]:
    """The same flights; the numbers of those that need an alert are added to `late` in passing."""
    for row, flight in enumerate(flights, start=1):
        if needs_alert(flight):
            late.append(row)
        yield flight


def _statistics_differ(expected: Expected, found: Found) -> Iterable[Difference]:
    nothing = CarrierStatistics()
    for carrier in sorted(expected.statistics.keys() | found.statistics.keys()):
        wanted, kept = expected.statistics.get(carrier, nothing), found.statistics.get(carrier, nothing)
        for name in NUMBERS:
            if getattr(wanted, name) != getattr(kept, name):
                yield Difference(carrier, name, getattr(wanted, name), getattr(kept, name))


def _reasons_differ(expected: Expected, found: Found) -> Iterable[Difference]:
    for reason in sorted(expected.reasons.keys() | found.reasons.keys()):
        wanted, kept = expected.reasons.get(reason, 0), found.reasons.get(reason, 0)
        if wanted != kept:
            yield Difference("malformed", reason, wanted, kept)

"""A flight: its fields, the way from a line of the file and from a Kafka record to it; knows no Kafka.

Source of the fields: the documentation of the R package `nycflights13`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

import orjson

from apps.flights.rules import RULES, Kind, Rule


@unique
class Reason(StrEnum):
    """Why a record is no flight."""

    UNDECODABLE = "undecodable"
    """The value is not a JSON object."""
    MISSING = "missing"
    """A field that every flight has is missing or null."""
    WRONG_TYPE = "wrong-type"
    """A field holds something else than it should: text for a number, an array."""
    IMPOSSIBLE = "impossible"
    """A field's value, or two fields together, cannot be."""
    WRONG_KEY = "wrong-key"
    """The key is not the flight's carrier, so the record may lie in another partition than the carrier's others."""


class MalformedFlightError(ValueError):
    """Raised when a record is no flight; keep the record and count it by `reason`.

    Attributes:
        reason: the kind of fault.
        detail: the fault in a sentence, naming the field and what it held.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Flight:
    """One planned departure. Times are local as HHMM (2400 is midnight), delays and air time minutes, distance miles.

    A field is None where the file says NA: no `dep_time` means cancelled, no `arr_delay` besides means diverted.
    """

    year: int
    month: int
    day: int
    dep_time: int | None
    sched_dep_time: int
    dep_delay: int | None
    arr_time: int | None
    sched_arr_time: int
    arr_delay: int | None
    carrier: str
    flight: int
    tailnum: str | None
    origin: str
    dest: str
    air_time: int | None
    distance: int
    hour: int
    minute: int
    time_hour: datetime

    @property
    def is_cancelled(self) -> bool:
        """Whether the flight never left."""
        return self.dep_time is None


FIELDS = tuple(field.name for field in fields(Flight))
"""The names of a flight's fields, in the order of the file."""


TESTS = tuple((name, RULES[name].test()) for name in FIELDS)
"""Field and quick test of its value; why one does not pass is looked at only then."""


def encode(flight: Flight) -> bytes:
    """The flight as the JSON object that goes through Kafka."""
    return orjson.dumps(flight)


def decode(value: bytes | None, key: bytes | None) -> Flight:
    """The flight in a Kafka record.

    Args:
        value: the record's value, a JSON object.
        key: the record's key, to be the carrier.

    Raises:
        MalformedFlightError: the record is no flight.
    """
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        raise MalformedFlightError(Reason.UNDECODABLE, f"The value is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise MalformedFlightError(Reason.UNDECODABLE, f"The value is a JSON {type(found).__name__}, not an object.")
    get = found.get
    flight = Flight(
        **{name: value if passes(value := get(name)) else _checked(RULES[name], name, found) for name, passes in TESTS}
    )
    _check_together(flight)
    if key != flight.carrier.encode():
        raise MalformedFlightError(Reason.WRONG_KEY, f"The key is {key!r}, the carrier {flight.carrier!r}.")
    return flight


def from_line(line: Sequence[str]) -> Flight:
    """The flight in a line of the file, its fields in the order of `FIELDS`.

    Raises:
        ValueError: the line has another number of fields, or a field is not what it should be.
    """
    return Flight(*[_from_text(name, text) for name, text in zip(FIELDS, line, strict=True)])


def _from_text(name: str, text: str) -> Any:
    if text in {"NA", ""}:
        return None
    kind = RULES[name].kind
    if kind is Kind.NUMBER:
        return int(text)
    return datetime.fromisoformat(text) if kind is Kind.MOMENT else text


def _checked(rule: Rule, name: str, found: Mapping[str, Any]) -> Any:
    """The field's value, when the rule lets it pass."""
    value = found.get(name)
    if value is None:
        if rule.is_optional:
            return None
        raise MalformedFlightError(Reason.MISSING, f"The field {name} is missing.")
    if not rule.has_type_of(value):
        raise MalformedFlightError(Reason.WRONG_TYPE, f"The field {name} holds {value!r:.80}, not a {rule.kind}.")
    if rule.kind is Kind.MOMENT:
        return _moment(name, value)
    if not rule.allows(value):
        raise MalformedFlightError(Reason.IMPOSSIBLE, f"The field {name} is {value!r:.80}; {rule.sentence()}.")
    return value


def _moment(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise MalformedFlightError(Reason.IMPOSSIBLE, f"The field {name} is {text!r:.80}, no ISO 8601 time.") from None


def _check_together(flight: Flight) -> None:
    try:
        datetime(flight.year, flight.month, flight.day)
    except ValueError:
        day = f"{flight.year}-{flight.month}-{flight.day}"
        raise MalformedFlightError(Reason.IMPOSSIBLE, f"There is no day {day}.") from None
    if flight.is_cancelled and flight.arr_time is not None:
        raise MalformedFlightError(Reason.IMPOSSIBLE, "The flight arrived without having left.")

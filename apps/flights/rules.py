"""What each field of a flight may hold, as one table; pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any


@unique
class Kind(StrEnum):
    """What a field holds, in the word for a person."""

    NUMBER = "whole number"
    TEXT = "text"
    MOMENT = "time as text"


@dataclass(frozen=True, slots=True)
class Rule:
    """The values that a field may hold.

    Attributes:
        kind: what it holds.
        is_optional: whether it may be null.
        low: for a number, the lowest allowed.
        high: for a number, the highest allowed.
        is_clock: whether the number is a local time HHMM, so that its last two digits are minutes.
        pattern: for text, what all of it must match.
    """

    kind: Kind
    is_optional: bool = False
    low: int = 0
    high: int = 0
    is_clock: bool = False
    pattern: re.Pattern[str] | None = None

    def test(self) -> Callable[[Any], bool]:
        """A quick test that lets most values pass that the rule lets pass, and none else."""
        low, high, pattern = self.low, self.high, self.pattern
        if self.kind is Kind.MOMENT:
            return lambda _: False
        if self.kind is Kind.TEXT:
            return lambda value: type(value) is str and (pattern is None or pattern.fullmatch(value) is not None)
        if self.is_clock:
            return lambda value: type(value) is int and low <= value <= high and value % 100 <= 59
        return lambda value: type(value) is int and low <= value <= high

    def has_type_of(self, value: object) -> bool:
        """Whether the value is of the kind; True and False are no numbers here."""
        return type(value) is (int if self.kind is Kind.NUMBER else str)

    def allows(self, value: Any) -> bool:
        """Whether a value of the right type is possible."""
        if self.kind is Kind.NUMBER:
            return self.low <= value <= self.high and not (self.is_clock and value % 100 > 59)
        return self.pattern is None or self.pattern.fullmatch(value) is not None

    def sentence(self) -> str:
        """What is possible, in words."""
        if self.kind is Kind.NUMBER:
            return f"it lies between {self.low} and {self.high}" + (", as HHMM" if self.is_clock else "")
        return f"it matches {self.pattern.pattern}" if self.pattern else "any text will do"


def _number(low: int, high: int, *, is_optional: bool = False) -> Rule:
    return Rule(Kind.NUMBER, is_optional, low, high)


def _clock(*, is_optional: bool = False) -> Rule:
    return Rule(Kind.NUMBER, is_optional, 0, 2400, is_clock=True)


def _text(pattern: str, *, is_optional: bool = False) -> Rule:
    return Rule(Kind.TEXT, is_optional, pattern=re.compile(pattern))


_THREE_DAYS = 3 * 24 * 60

RULES = {
    "year": _number(1903, 2100),
    "month": _number(1, 12),
    "day": _number(1, 31),
    "dep_time": _clock(is_optional=True),
    "sched_dep_time": _clock(),
    "dep_delay": _number(-_THREE_DAYS, _THREE_DAYS, is_optional=True),
    "arr_time": _clock(is_optional=True),
    "sched_arr_time": _clock(),
    "arr_delay": _number(-_THREE_DAYS, _THREE_DAYS, is_optional=True),
    "carrier": _text("[A-Z0-9]{2}"),
    "flight": _number(1, 9999),
    "tailnum": _text("[A-Z0-9-]{2,10}", is_optional=True),
    "origin": _text("[A-Z]{3}"),
    "dest": _text("[A-Z]{3}"),
    "air_time": _number(1, 24 * 60, is_optional=True),
    "distance": _number(1, 13_000),
    "hour": _number(0, 24),
    "minute": _number(0, 59),
    "time_hour": Rule(Kind.MOMENT),
}
"""Field to rule. Source of the bounds: calendar, clock, IATA's codes; for delays and distance, common sense."""

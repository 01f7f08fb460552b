"""What is measured in a run, and in which order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.benchmarks.throughput_cases import CASES, FAUST, FLIGHTS, NAMES, OURS, Case, Flights

RATES = (200, 20_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure; `only` is everything where it is empty, `slow` this framework without its fast delivery."""

    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    repeat: int = 3
    scale: float = 1.0
    slow: bool = False

    def has(self, case: str) -> bool:
        """Whether a case is to be measured."""
        return not self.only or case in self.only

    @property
    def settings(self) -> Mapping[str, str]:
        """What this framework is configured with."""
        return {"FRAMEWORK_FAST_DELIVERY": "false"} if self.slow else {}


@dataclass(frozen=True, slots=True)
class Step:
    """One contender once at one thing; `argument` is the rate of a latency, or the number of workers."""

    kind: str
    contender: str
    case: Case | Flights | None = None
    argument: int = 0

    def __str__(self) -> str:
        what = self.case.name if self.case else f"{self.kind} {self.argument or ''}".strip()
        return f"{what}, {NAMES[self.contender]}"


def steps(plan: Plan) -> Iterator[Step]:
    """All steps, those for a promise once more than others.

    The contenders of a case take turns, so that what else the machine does meets all of them. Latency and idleness come
    first: later the broker has gigabytes to write to disk, and its pauses are all that the slowest records show.
    """
    contenders = [name for name in NAMES if name not in plan.without]
    less = max(1, plan.repeat - 1)
    both = [name for name in (FAUST, OURS) if name in contenders]
    for rate in RATES:
        if plan.has(f"latency-{rate}"):
            yield from (Step("latency", name, argument=rate) for _ in range(plan.repeat) for name in both)
    if plan.has("idle"):
        yield from (Step("idle", name) for name in both)
    for case in (*CASES, FLIGHTS):
        if plan.has(case.name):
            doing = [name for name in contenders if name in case.records]
            wanted = _slowed(case) if plan.slow else case
            times = plan.repeat if case.is_promised else less
            yield from (Step("case", name, wanted) for _ in range(times) for name in doing)
    if plan.has("workers") and OURS in contenders:
        yield from (Step("workers", OURS, argument=count) for _ in range(less) for count in (1, 2))


def _slowed(case: Case | Flights) -> Case | Flights:
    """The case with as many records for us as for plain Faust."""
    return replace(case, records={**case.records, OURS: case.records[FAUST]})

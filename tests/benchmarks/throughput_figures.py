"""Medians, ratios and verdicts from what was measured; no process, no Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Any

from tests.benchmarks.throughput_cases import FAUST, OURS, QUIX


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: records a second, microseconds of CPU a record, MB in RAM at its end.

    `spread` is, of several runs, how far the fastest and the slowest lie apart, as a share of the rate.
    """

    rate: float
    cpu_us: float
    rss_mb: float
    spread: float = 0.0

    @classmethod
    def of(cls, records: int, seconds: float, cpu: float, rss_mb: float) -> "Sample":
        """From a count, and seconds on the clock and of CPU."""
        return cls(records / seconds, 1e6 * cpu / records, rss_mb)

    def shared(self, share: float) -> "Sample":
        """In terms of all records, where only a share of them was counted."""
        return Sample(self.rate / share, self.cpu_us * share, self.rss_mb)

    def as_json(self) -> dict[str, Any]:
        """As it is written down."""
        return {
            "rate": round(self.rate),
            "spread": round(self.spread, 2),
            "cpu_us": round(self.cpu_us, 2),
            "rss_mb": round(self.rss_mb, 1),
        }


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure."""
    rates = [each.rate for each in samples]
    return Sample(
        median(rates),
        median(each.cpu_us for each in samples),
        median(each.rss_mb for each in samples),
        (max(rates) - min(rates)) / median(rates),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A case as it came out.

    Attributes:
        case: its name.
        title: for people.
        figures: `{contender: median}` of those that could do it.
        over_faust: wanted ratio of our rate to plain Faust's; None where nothing is promised.
        over_quix: the same to Quix Streams'.
    """

    case: str
    title: str
    figures: Mapping[str, Sample]
    over_faust: float | None = None
    over_quix: float | None = None

    def ratio(self, other: str) -> float | None:
        """Our rate to another's; None where one of them is missing."""
        if OURS not in self.figures or other not in self.figures:
            return None
        return self.figures[OURS].rate / self.figures[other].rate

    def cpu_ratio(self, other: str) -> float | None:
        """Another's CPU a record to ours: much the same as `ratio`, but not swayed by what else the machine does."""
        if OURS not in self.figures or other not in self.figures:
            return None
        return self.figures[other].cpu_us / self.figures[OURS].cpu_us

    @property
    def is_met(self) -> bool | None:
        """Whether every ratio that is wanted is reached; None where there is none, or one was not measured."""
        wanted = {FAUST: self.over_faust, QUIX: self.over_quix}
        pairs = [(least, self.ratio(peer)) for peer, least in wanted.items() if least is not None]
        if any(found is not None and found < least for least, found in pairs):
            return False
        return True if pairs and all(found is not None for _, found in pairs) else None

    def as_json(self) -> dict[str, Any]:
        """As it is written down."""
        figures = {name: each.as_json() for name, each in self.figures.items()}
        return {
            "case": self.case,
            "title": self.title,
            "figures": figures,
            "over_faust": _rounded(self.ratio(FAUST)),
            "over_faust_wanted": self.over_faust,
            "over_quix": _rounded(self.ratio(QUIX)),
            "over_quix_wanted": self.over_quix,
            "met": self.is_met,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all are no greater than."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def together(results: Sequence[Mapping[str, Any]]) -> Sample:
    """Several processes that did one thing together, from their meters; the MB are those of the largest."""
    begun, ended = min(each["begun"] for each in results), max(each["ended"] for each in results)
    records, cpu = (sum(each[name] for each in results) for name in ("records", "cpu"))
    return Sample.of(records, ended - begun, cpu, max(each["rss_mb"] for each in results))


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 2)

"""Takes the steps of a run, and puts what they found together."""

import subprocess
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from tests.benchmarks.throughput_cases import Case, Flights
from tests.benchmarks.throughput_contenders import ContenderError, Place
from tests.benchmarks.throughput_figures import Row, Sample, middle
from tests.benchmarks.throughput_others import Latency, measure_idle, measure_latency, measure_workers
from tests.benchmarks.throughput_plan import Plan, Step
from tests.benchmarks.throughput_runs import Inputs, measure, measure_flights
from tests.benchmarks.throughput_show import Report

Advance = Callable[[Step, str], None]
"""Called after each step, with what was found in words."""


def carry_out(todo: Sequence[Step], plan: Plan, place: Place, advance: Advance) -> Report:
    """Take the steps; one that fails is noted, and not taken again."""
    found: dict[Step, list[Any]] = defaultdict(list)
    failed: dict[Step, str] = {}
    inputs = Inputs(place.broker)
    for step in todo:
        if step in failed:
            advance(step, "left out, it has failed")
            continue
        try:
            found[step].append(_take(step, plan, place, inputs))
        except (ContenderError, subprocess.SubprocessError) as error:
            failed[step] = f"{step}: {error}"
            advance(step, f"FAILED: {error}")
        else:
            advance(step, _told(found[step][-1]))
    good = {step: results for step, results in found.items() if results and step not in failed}
    return _together(good, list(failed.values()))


def _take(step: Step, plan: Plan, place: Place, inputs: Inputs) -> Any:
    match step.case:
        case Case():
            return measure(step.case, step.contender, place, inputs, plan.scale)
        case Flights():
            return measure_flights(step.case, step.contender, place, inputs, plan.scale)
    match step.kind:
        case "latency":
            return measure_latency(step.contender, place, step.argument, plan.scale)
        case "workers":
            return measure_workers(step.argument, place, plan.scale)
    return measure_idle(step.contender, place)


def _together(found: dict[Step, list[Any]], failures: list[str]) -> Report:
    report = Report(failures=failures)
    figures: dict[Case | Flights, dict[str, Sample]] = defaultdict(dict)
    for step, results in found.items():
        if step.case is not None:
            figures[step.case][step.contender] = middle(results)
        elif step.kind == "latency":
            both = Latency(median(each.p50 for each in results), median(each.p99 for each in results))
            report.latency.setdefault(step.argument, {})[step.contender] = both
        elif step.kind == "workers":
            report.workers[step.argument] = middle(results)
        else:
            report.idle[step.contender] = median(results)
    for case, samples in figures.items():
        report.rows.append(Row(case.name, case.title, samples, case.over_faust, case.over_quix))
    return report


def _told(found: Any) -> str:
    match found:
        case Sample():
            return f"{found.rate:,.0f} records/s, {found.cpu_us:.1f} µs of CPU each, {found.rss_mb:.0f} MB"
        case Latency():
            return f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms"
    return f"{found:,.2f}"

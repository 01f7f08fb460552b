"""Medians, ratios and verdicts of the throughput benchmark."""

import pytest

from tests.benchmarks.throughput_cases import FAUST, OURS, QUIX, RAW
from tests.benchmarks.throughput_figures import Row, Sample, middle, percentile, together


def sample(rate: float) -> Sample:
    return Sample(rate, 1e6 / rate, 50.0)


def test_sample_is_rate_and_cost_of_a_record() -> None:
    assert Sample.of(1000, 2.0, 0.5, 60.0) == Sample(500.0, 500.0, 60.0)


def test_share_that_was_counted_is_made_good() -> None:
    assert Sample(500.0, 10.0, 60.0).shared(0.5) == Sample(1000.0, 5.0, 60.0)


def test_middle_is_the_median_of_each_figure() -> None:
    assert middle([Sample(1, 30, 5), Sample(9, 10, 4), Sample(2, 20, 9)]) == Sample(2, 20, 5, spread=4.0)


def test_ratios_are_ours_to_the_peers() -> None:
    row = Row("consume", "", {FAUST: sample(10), QUIX: sample(100), OURS: sample(300)}, 27, 2.7)
    assert row.ratio(FAUST) == pytest.approx(30)
    assert row.ratio(QUIX) == pytest.approx(3)
    assert row.ratio(RAW) is None
    assert row.cpu_ratio(FAUST) == pytest.approx(30)
    assert row.cpu_ratio(RAW) is None
    assert row.is_met is True


@pytest.mark.parametrize(("faust", "quix"), [(31, 2), (20, 4)])
def test_one_ratio_that_is_not_reached_is_enough(faust: float, quix: float) -> None:
    row = Row("consume", "", {FAUST: sample(300 / faust), QUIX: sample(300 / quix), OURS: sample(300)}, 27, 2.7)
    assert row.is_met is False


def test_nothing_is_said_where_nothing_is_wanted_or_known() -> None:
    assert Row("big", "", {FAUST: sample(10), OURS: sample(300)}).is_met is None
    assert Row("consume", "", {FAUST: sample(10)}, 27).is_met is None
    assert Row("consume", "", {FAUST: sample(10), OURS: sample(300)}, 27, 2.7).is_met is None


def test_what_is_missed_is_missed_whatever_else_is_unknown() -> None:
    assert Row("consume", "", {FAUST: sample(20), OURS: sample(300)}, 27, 2.7).is_met is False


def test_row_is_written_with_what_was_wanted() -> None:
    found = Row("consume", "Consume", {FAUST: sample(10), OURS: sample(300)}, 27, 2.7).as_json()
    assert found["over_faust"] == 30.0
    assert found["over_faust_wanted"] == 27
    assert found["over_quix"] is None
    assert found["figures"][OURS] == {"rate": 300, "spread": 0.0, "cpu_us": 3333.33, "rss_mb": 50.0}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_several_processes_are_one_from_the_first_begin_to_the_last_end() -> None:
    first = {"begun": 1.0, "ended": 3.0, "records": 10, "cpu": 1.5, "rss_mb": 80}
    second = {"begun": 1.5, "ended": 5.0, "records": 30, "cpu": 2.5, "rss_mb": 70}
    assert together([first, second]) == Sample(rate=10.0, cpu_us=100_000.0, rss_mb=80)

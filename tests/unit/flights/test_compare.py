"""A comparison is equal only if nothing is lost, nothing twice and every number as in the file."""

from collections import Counter
from dataclasses import replace

from apps.flights.compare import Expected, Found, Tally, compare, expect, tally
from apps.flights.model import from_line
from tests.unit.flights.some import CANCELLED_LINE, LINE

ON_TIME, CANCELLED = from_line(LINE.split(",")), from_line(CANCELLED_LINE.split(","))
LATE = replace(ON_TIME, arr_delay=500)
FLIGHTS = (ON_TIME, CANCELLED, LATE)


def as_found(expected: Expected) -> Found:
    """What Kafka holds when all went well."""
    return Found(expected.statistics, Counter(expected.alerts), expected.malformed, expected.reasons)


def test_what_is_as_expected_is_equal() -> None:
    expected = expect(FLIGHTS, times=2, malformed=7)
    report = compare(expected, as_found(expected))

    assert report.is_equal
    assert (report.flights, report.alerts, report.malformed) == (
        Tally(6, 6, 0, 0),
        Tally(2, 2, 0, 0),
        Tally(7, 7, 0, 0),
    )


def test_rows_of_alerts_go_on_counting_over_the_passes() -> None:
    assert expect(FLIGHTS, times=3).alerts == {"3", "6", "9"}


def test_nothing_found_is_all_lost() -> None:
    report = compare(expect(FLIGHTS, malformed=2), Found({}))

    assert not report.is_equal
    assert (report.lost, report.duplicated) == (3 + 1 + 2, 0)
    assert {(each.place, each.name) for each in report.differences} >= {("UA", "flights"), ("EV", "cancelled")}


def test_an_alert_twice_is_a_duplicate_and_one_of_another_row_is_one_too() -> None:
    expected = expect(FLIGHTS)
    report = compare(expected, replace(as_found(expected), alerts={"3": 2, "1": 1}))

    assert report.alerts == Tally(expected=1, found=3, lost=0, duplicated=2)
    assert not report.is_equal


def test_a_flight_counted_twice_is_a_duplicate() -> None:
    expected = expect(FLIGHTS)
    twice = {**expected.statistics, "UA": expected.statistics["UA"].with_flight(ON_TIME)}
    report = compare(expected, replace(as_found(expected), statistics=twice))

    assert (report.flights.lost, report.flights.duplicated) == (0, 1)
    assert report.differences[0].found == 3


def test_one_lost_and_one_twice_show_as_differences_of_the_sums() -> None:
    expected = expect((ON_TIME, LATE))
    wrong = expect((ON_TIME, ON_TIME))
    report = compare(expected, replace(as_found(expected), statistics=wrong.statistics))

    assert (report.flights.lost, report.flights.duplicated) == (0, 0)
    assert "arr_delay_sum" in {each.name for each in report.differences}
    assert not report.is_equal


def test_a_malformed_record_that_lost_a_byte_is_lost() -> None:
    expected = expect((), malformed=1)
    ((row, key, value),) = expected.malformed
    report = compare(expected, replace(as_found(expected), malformed={(row, key, (value or b"")[:-1]): 1}))

    assert report.malformed == Tally(expected=1, found=1, lost=1, duplicated=1)


def test_a_wrong_count_of_malformed_records_is_a_difference() -> None:
    expected = expect((), malformed=6)
    report = compare(expected, replace(as_found(expected), reasons={**expected.reasons, "missing": 2}))

    assert [(each.place, each.name, each.expected, each.found) for each in report.differences] == [
        ("malformed", "missing", 1, 2)
    ]


def test_a_tally_counts_by_key() -> None:
    assert tally({"a": 1, "b": 2}, {"b": 3, "c": 1}) == Tally(expected=3, found=4, lost=1, duplicated=2)

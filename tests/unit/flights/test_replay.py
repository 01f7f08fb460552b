"""The records of a replay: all flights in order, numbered, with the malformed ones spread between."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.flights.model import FIELDS, decode
from apps.flights.replay import ReplayPlan, records
from tests.unit.flights.some import LINE


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("flights") / "flights.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("flights.csv", "\n".join((",".join(FIELDS), *[LINE] * 20)) + "\n")
    return made


def test_rows_are_numbered_through_all_passes(file: Path) -> None:
    found = list(records(file, ReplayPlan(limit=3, times=2)))

    assert [record.row for record in found] == ["1", "2", "3", "4", "5", "6"]
    assert all(decode(record.value, record.key).carrier == "UA" for record in found)


@given(limit=st.integers(1, 20), times=st.integers(1, 3), malformed=st.integers(0, 50))
def test_a_plan_yields_as_many_records_as_it_says(file: Path, limit: int, times: int, malformed: int) -> None:
    plan = ReplayPlan(limit=limit, times=times, malformed=malformed)
    rows = [record.row for record in records(file, plan)]

    assert len(rows) == len(set(rows)) == plan.records
    assert sum(row.startswith("injected-") for row in rows) == malformed


def test_malformed_records_are_spread_over_the_flights(file: Path) -> None:
    rows = [record.row for record in records(file, ReplayPlan(limit=10, malformed=2))]

    assert [place for place, row in enumerate(rows) if row.startswith("injected-")] == [5, 11]

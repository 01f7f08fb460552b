"""A turn of the event loop takes about the same time, whatever a record costs."""

import pytest

from framework.standby.pace import FEWEST, FIRST, MOST, TURN, Pace


@pytest.mark.parametrize("cost", [1e-7, 1e-5, 1e-4, 1e-3, 1.0])
def test_turns_take_the_time_they_are_to_take(cost: float) -> None:
    pace = Pace()
    for _ in range(12):
        pace.took(pace.size, pace.size * cost)
    assert FEWEST <= pace.size <= MOST
    assert pace.size in (FEWEST, MOST) or pace.size * cost == pytest.approx(TURN, rel=0.5)


def test_it_grows_step_by_step() -> None:
    pace = Pace()
    pace.took(1, 1e-9)
    assert pace.size == 2 * FIRST


def test_clock_that_stood_still() -> None:
    pace = Pace()
    pace.took(10, 0.0)
    assert pace.size == 2 * FIRST

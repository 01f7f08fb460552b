"""From the number of an attempt to the seconds to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.backoff import Backoff

BACKOFFS = st.builds(
    Backoff,
    initial=st.floats(0.001, 60.0),
    maximum=st.floats(0.001, 600.0),
    base=st.floats(1.0, 10.0),
    jitter=st.floats(0.0, 10.0),
)
ATTEMPTS = st.integers(1, 10**9)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (5000, 10.0)])
def test_delay(attempt: int, seconds: float) -> None:
    assert Backoff().delay(attempt) == pytest.approx(seconds)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_jitter_comes_on_top_of_the_maximum(chance: float) -> None:
    assert Backoff(maximum=1.0, jitter=0.4).delay(99, chance) == pytest.approx(1.0 + 0.4 * chance)


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match=f"counts from 1, got {attempt}"):
        Backoff().delay(attempt)


@given(BACKOFFS, ATTEMPTS, st.floats(0.0, 1.0, exclude_max=True))
def test_it_stays_within_its_bounds(backoff: Backoff, attempt: int, chance: float) -> None:
    assert 0.0 < backoff.delay(attempt, chance) <= backoff.maximum + backoff.jitter


@given(BACKOFFS, ATTEMPTS)
def test_it_never_shrinks(backoff: Backoff, attempt: int) -> None:
    assert backoff.delay(attempt) <= backoff.delay(attempt + 1)

"""What passes by itself is told to nobody, what lasts is told in time and not too often."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.membership.roster_trouble import LASTING, RETRY_AFTER, RETRY_FIRST, Trouble

PATIENCE = 60.0


def warnings(trouble: Trouble, since: float, until: float, chance: float = 0.0) -> list[float]:
    """When it warns if each try from `since` to `until` fails at once."""
    found = []
    while since <= until:
        if trouble.failed(since):
            found.append(since)
        since += trouble.retry_after(since, chance)
    return found


def test_trouble_that_passes_is_told_to_nobody() -> None:
    trouble = Trouble(PATIENCE)
    assert warnings(trouble, 0.0, LASTING - 0.1) == []
    assert trouble.is_on
    assert not trouble.passed()
    assert not trouble.is_on


def test_trouble_that_lasts_is_told_and_its_end_too() -> None:
    trouble = Trouble(PATIENCE)
    assert len(warnings(trouble, 0.0, 30.0)) == 1
    assert trouble.passed()
    assert not trouble.passed(), "it is over once"


@given(chance=st.floats(0.0, 1.0, exclude_max=True), since=st.floats(0.0, 1e6))
def test_told_as_soon_as_it_lasts_then_once_in_patience(chance: float, since: float) -> None:
    told = warnings(Trouble(PATIENCE), since, since + LASTING + 2.5 * PATIENCE, chance)
    assert len(told) == 3
    assert told[0] - since == pytest.approx(LASTING, abs=RETRY_FIRST)
    assert all(PATIENCE <= after - before < PATIENCE + 2 * RETRY_AFTER for before, after in pairwise(told))


def test_trouble_that_comes_and_goes_is_told_once_in_patience() -> None:
    trouble = Trouble(PATIENCE)
    told = []
    for start in range(0, 100, 10):
        told += warnings(trouble, start, start + 5.0)
        trouble.passed()
    assert len(told) == 2


def test_tries_become_rarer() -> None:
    trouble = Trouble(PATIENCE, lasting=0.0)
    delays = []
    for _ in range(6):
        trouble.failed(0.0)
        delays.append(trouble.retry_after(0.0, 0.0))
    assert delays == [RETRY_FIRST, 0.4, 0.8, 1.6, RETRY_AFTER, RETRY_AFTER]


def test_next_try_is_soon_again_after_a_success() -> None:
    trouble = Trouble(PATIENCE)
    warnings(trouble, 0.0, 30.0)
    trouble.passed()
    trouble.failed(40.0)
    assert trouble.retry_after(40.0, 0.0) == RETRY_FIRST

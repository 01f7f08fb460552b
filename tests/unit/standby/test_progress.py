"""Lag is a matter of offsets, and known only where both ends are."""

from faust.types import TP

from framework.standby.progress import Progress

A, B = TP("a", 0), TP("a", 1)


def test_lag_is_offsets_to_the_end() -> None:
    progress = Progress()
    progress.moved(A, 10)
    assert progress.lag(A) is None
    progress.ended({A: 25, B: 3})
    assert (progress.lag(A), progress.lag(B)) == (15, None)


def test_position_ahead_of_an_end_told_before_is_no_negative_lag() -> None:
    progress = Progress()
    progress.ended({A: 5})
    progress.moved(A, 8)
    assert progress.lag(A) == 0


def test_caught_up_once_is_remembered() -> None:
    progress = Progress()
    progress.moved(A, 0)
    progress.moved(B, 0)
    progress.ended({A: 0, B: 1})
    assert progress.caught_up == {A}
    progress.ended({A: 9})
    progress.moved(B, 1)
    assert progress.caught_up == {A, B}
    progress.forget([A])
    assert progress.caught_up == {B}
    assert progress.lag(A) is None


def test_has_reached() -> None:
    progress = Progress()
    progress.moved(A, 5)
    assert progress.has_reached({})
    assert progress.has_reached({A: 5})
    assert not progress.has_reached({A: 6})
    assert not progress.has_reached({A: 5, B: 0}), "it is not known where B is"

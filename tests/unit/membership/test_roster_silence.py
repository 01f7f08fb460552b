"""Whether silence means death: never where somebody could not be heard, and at once where everybody could."""

import pytest

from framework.membership.roster import STALE_AFTER
from framework.membership.roster_silence import CURRENT_WITHIN, Doubt, Silence


def listening(until: float, since: float = 0.0) -> Silence:
    """Read each second."""
    silence = Silence()
    listen(silence, since, until)
    return silence


def listen(silence: Silence, since: float, until: float) -> None:
    while since <= until:
        silence.was_read(since)
        since += 1.0


def test_before_anything_was_read() -> None:
    assert Silence().doubt(0.0) is Doubt.UNREADABLE


def test_reader_that_has_just_started() -> None:
    assert listening(0.0).doubt(0.0) is None


def test_poll_that_is_late_is_no_interruption() -> None:
    silence = listening(10.0)
    silence.was_read(10.0 + CURRENT_WITHIN - 0.1)
    assert silence.doubt(10.0 + CURRENT_WITHIN) is None


def test_after_an_interruption_everybody_gets_time_to_speak() -> None:
    silence = listening(10.0)
    assert silence.doubt(10.0 + CURRENT_WITHIN) is Doubt.UNREADABLE
    listen(silence, 50.0, 50.0 + STALE_AFTER)
    assert silence.doubt(50.0 + STALE_AFTER - 0.1) is Doubt.TOO_EARLY
    assert silence.doubt(50.0 + STALE_AFTER) is None


def test_process_that_slept_does_not_believe_what_it_knew_before() -> None:
    """As after SIGSTOP and SIGCONT: the view is old, whatever the clock says."""
    assert listening(10.0).doubt(100.0) is Doubt.UNREADABLE


@pytest.mark.parametrize("denied_for", [2.0, 60.0])
def test_right_to_write_that_comes_and_goes(denied_for: float) -> None:
    silence = listening(10.0)
    silence.has_rights(may_write=False, now=10.0)
    back = 10.0 + denied_for
    listen(silence, 11.0, back)
    assert silence.doubt(back) is Doubt.UNWRITABLE
    silence.has_rights(may_write=True, now=back)
    listen(silence, back, back + STALE_AFTER)
    assert silence.doubt(back + STALE_AFTER - 0.1) is Doubt.TOO_EARLY
    assert silence.doubt(back + STALE_AFTER) is None


def test_right_that_was_never_missing_changes_nothing() -> None:
    silence = listening(10.0)
    silence.has_rights(may_write=True, now=10.0)
    assert silence.doubt(10.0) is None


def test_nobody_reads_any_more() -> None:
    silence = listening(10.0)
    silence.is_unread()
    assert silence.doubt(10.0) is Doubt.UNREADABLE

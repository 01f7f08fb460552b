"""Which ends of a worker lead to another start, and when."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import Settings
from framework.backoff import Backoff
from framework.exit_codes import FINAL, ExitCode
from framework.lifecycle.restart_policy import Decision, Ending, RestartPolicy, describe

POLICY = RestartPolicy(Backoff(initial=0.2, maximum=10.0), limit=3, reset_after=30.0)
CODES = st.one_of(st.sampled_from(ExitCode).map(int), st.integers(-64, 255))
ENDINGS = st.builds(Ending, code=CODES, crashes=st.integers(1, 100), knew_broker=st.booleans())


@pytest.mark.parametrize(
    ("ending", "decision"),
    [
        (Ending(1, crashes=1), Decision(restart_in=0.2)),
        (Ending(1, crashes=3), Decision(restart_in=0.8)),
        (Ending(1, crashes=4), Decision(exit_code=ExitCode.CRASH_LOOP)),
        (Ending(-signal.SIGKILL, crashes=1), Decision(restart_in=0.2)),
        (Ending(-signal.SIGSEGV, crashes=4), Decision(exit_code=ExitCode.CRASH_LOOP)),
        (Ending(ExitCode.FORCED, crashes=2), Decision(restart_in=0.4)),
        (Ending(ExitCode.OK, crashes=0), Decision(restart_in=0.2)),
        (Ending(ExitCode.OK, crashes=99), Decision(restart_in=0.2)),
        (Ending(ExitCode.SEAT_TAKEN, crashes=1), Decision(exit_code=ExitCode.SEAT_TAKEN)),
        (Ending(ExitCode.FENCED, crashes=0, attempts=1), Decision(restart_in=0.5)),
        (Ending(ExitCode.FENCED, crashes=0, attempts=3), Decision(restart_in=2.0)),
        (Ending(ExitCode.FENCED, crashes=0, attempts=119), Decision(restart_in=5.0)),
        (Ending(ExitCode.FENCED, crashes=0, attempts=120), Decision(exit_code=ExitCode.FENCED)),
        (Ending(ExitCode.SETTINGS, crashes=1, knew_broker=True), Decision(exit_code=ExitCode.SETTINGS)),
        (Ending(ExitCode.BROKER_UNAVAILABLE, crashes=1), Decision(exit_code=ExitCode.BROKER_UNAVAILABLE)),
        (Ending(ExitCode.BROKER_UNAVAILABLE, crashes=99, knew_broker=True), Decision(restart_in=0.2)),
        (Ending(17, crashes=1), Decision(restart_in=0.2)),
    ],
    ids=[
        "first crash",
        "third crash",
        "one crash too many",
        "killed",
        "crashes of the interpreter count",
        "forced",
        "stopped alone",
        "stopped alone after crashes",
        "seat taken",
        "fenced",
        "fenced again",
        "fenced often",
        "fenced once too often",
        "settings",
        "broker that was never there",
        "broker that went away",
        "a code of the app's own",
    ],
)
def test_decide(ending: Ending, decision: Decision) -> None:
    assert POLICY.decide(ending) == decision


def test_no_restart_at_all() -> None:
    policy = RestartPolicy(Backoff(), limit=0, reset_after=30.0)
    assert policy.decide(Ending(1, crashes=1)).exit_code is ExitCode.CRASH_LOOP


@pytest.mark.parametrize(
    ("before", "code", "ran_for", "crashes"),
    [
        (0, 1, None, 1),
        (2, 1, 29.9, 3),
        (2, 1, 30.0, 1),
        (19, -9, 3600.0, 1),
        (19, ExitCode.FORCED, 0.0, 20),
        (5, ExitCode.OK, 1.0, 5),
        (5, ExitCode.OK, 30.0, 0),
        (5, ExitCode.BROKER_UNAVAILABLE, None, 5),
    ],
    ids=["first", "too soon", "long after", "killed long after", "forced", "a stop", "a stop long after", "no broker"],
)
def test_crashes_in_a_row(before: int, code: int, ran_for: float | None, crashes: int) -> None:
    assert POLICY.crashes(before, code, ran_for) == crashes


def test_a_worker_that_never_ran_has_not_run_for_long_enough() -> None:
    assert RestartPolicy(Backoff(), limit=3, reset_after=0.0).crashes(7, 1, None) == 8


@given(ENDINGS, st.floats(0.0, 1.0, exclude_max=True))
def test_it_either_restarts_within_the_maximum_or_ends_with_an_error(ending: Ending, chance: float) -> None:
    decision = POLICY.decide(ending, chance)
    if decision.restart_in is None:
        assert decision.exit_code is not ExitCode.OK
    else:
        backoff = POLICY.fenced_backoff if ending.code == ExitCode.FENCED else POLICY.backoff
        assert 0.0 < decision.restart_in <= backoff.maximum + backoff.jitter


@given(ENDINGS)
def test_final_codes_are_never_started_again_and_keep_their_meaning(ending: Ending) -> None:
    if ending.code in FINAL - {ExitCode.OK, ExitCode.BROKER_UNAVAILABLE}:
        assert POLICY.decide(ending) == Decision(exit_code=ExitCode(ending.code))


@given(st.integers(1, 3), st.integers(-64, -1))
def test_a_later_crash_never_waits_less(crashes: int, code: int) -> None:
    sooner, later = (POLICY.decide(Ending(code, n)).restart_in for n in (crashes, crashes + 1))
    assert sooner is not None
    assert later is None or sooner <= later


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "OK (0)"), (80, "FENCED (80)"), (-9, "killed by SIGKILL"), (-15, "killed by SIGTERM"), (17, "17")],
)
def test_describe(code: int, text: str) -> None:
    assert describe(code) == text


def test_settings_decide() -> None:
    settings = Settings.load(
        environ={},
        env_file=None,
        restart_backoff_initial=1.0,
        restart_backoff_max=2.0,
        restart_limit=3,
        restart_reset_after=4.0,
        fenced_backoff_initial=5.0,
        fenced_backoff_max=6.0,
        fenced_max_attempts=7,
        fenced_reset_after=8.0,
    )
    assert RestartPolicy.from_settings(settings) == RestartPolicy(
        backoff=Backoff(1.0, 2.0, jitter=0.1),
        limit=3,
        reset_after=4.0,
        fenced_backoff=Backoff(5.0, 6.0, jitter=0.1),
        fenced_limit=7,
        fenced_reset_after=8.0,
    )


@given(st.integers(1, 99), st.integers(1, 500))
def test_last_attempt_of_the_settings_is_the_last(limit: int, attempts: int) -> None:
    policy = RestartPolicy.from_settings(Settings.load(environ={}, env_file=None, fenced_max_attempts=limit))
    decision = policy.decide(Ending(ExitCode.FENCED, crashes=0, attempts=attempts))
    assert (decision.restart_in is None) is (attempts >= limit)

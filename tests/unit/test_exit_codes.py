"""Exit codes are a promise to orchestrators: distinct, documented, and the same in each release."""

import pytest

import framework.states  # noqa: F401 - its error belongs to the tree
from framework import errors
from framework.exit_codes import FINAL, ExitCode

PROMISED = {
    "OK": 0,
    "CRASHED": 1,
    "USAGE": 2,
    "CHECK_FAILED": 3,
    "APP_NOT_FOUND": 66,
    "NOT_FOUND": 67,
    "NO_SUPERVISOR": 68,
    "BROKER_UNAVAILABLE": 69,
    "APP_IMPORT_FAILED": 70,
    "PORT_TAKEN": 71,
    "JAVA_MISSING": 72,
    "LOCAL_KAFKA_FAILED": 73,
    "NOT_ALLOWED": 77,
    "SETTINGS": 78,
    "UNSTABLE_IDENTITY": 79,
    "FENCED": 80,
    "SEAT_TAKEN": 81,
    "SUPERSEDED": 82,
    "GROUP_FAILED": 83,
    "FORCED": 84,
    "CRASH_LOOP": 85,
    "SEAT_LIVE": 86,
}


def error_types(root: type[errors.FrameworkError] = errors.FrameworkError) -> list[type[errors.FrameworkError]]:
    return [root, *(found for child in root.__subclasses__() for found in error_types(child))]


def test_none_has_changed() -> None:
    assert {code.name: code.value for code in ExitCode} == PROMISED


def test_they_are_distinct_and_none_looks_like_a_signal_or_a_shell() -> None:
    values = [code.value for code in ExitCode.__members__.values()]
    assert len(values) == len(set(values))
    assert all(0 <= value < 126 for value in values)


@pytest.mark.parametrize("code", ExitCode)
def test_each_is_documented(code: ExitCode) -> None:
    assert code.meaning[0].isupper() or code.meaning[0] == "`"
    assert code.meaning.endswith(".")


@pytest.mark.parametrize("kind", error_types())
def test_each_error_says_when_it_is_raised_and_how_the_process_ends(kind: type[errors.FrameworkError]) -> None:
    assert isinstance(kind.exit_code, ExitCode)
    assert kind.exit_code is not ExitCode.OK
    assert (kind.__doc__ or "").startswith(("Raised when ", "Base of "))


@pytest.mark.parametrize(
    "code",
    [
        ExitCode.CRASHED,
        ExitCode.FENCED,
        ExitCode.FORCED,
        ExitCode.CRASH_LOOP,
        ExitCode.CHECK_FAILED,
        ExitCode.LOCAL_KAFKA_FAILED,
    ],
)
def test_what_may_go_better_next_time_is_not_final(code: ExitCode) -> None:
    assert code not in FINAL


@pytest.mark.parametrize(
    "code", [ExitCode.SEAT_TAKEN, ExitCode.SETTINGS, ExitCode.APP_IMPORT_FAILED, ExitCode.NOT_ALLOWED]
)
def test_what_would_end_the_same_way_is_final(code: ExitCode) -> None:
    assert code in FINAL

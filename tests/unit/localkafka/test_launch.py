"""What a failed start tells a person."""

from framework.localkafka.launch import LAST_LINES, LONGEST_LINE, telling


def test_errors_are_told_without_their_stack() -> None:
    log = "INFO started\nERROR no such class\n\tat a.b.C (ERROR)\nCaused by: x.Y: why\nINFO stopped\n"
    assert telling(log) == "ERROR no such class\nCaused by: x.Y: why"


def test_without_errors_the_end_is_told() -> None:
    assert telling("\n".join(map(str, range(100)))).splitlines() == [str(n) for n in range(100 - LAST_LINES, 100)]


def test_long_lines_are_cut() -> None:
    assert len(telling("x" * 10000)) == LONGEST_LINE


def test_empty_log_tells_nothing() -> None:
    assert telling("") == ""

"""A reason is said once, wherever it was met."""

from structlog.testing import capture_logs

from framework.streams.saying import SayOnce


def test_each_reason_is_said_once_with_its_first_place() -> None:
    say_once = SayOnce()
    with capture_logs() as lines:
        for where in ("flights", "alerts"):
            say_once("one reason", where)
            say_once("another reason")
    assert [(line["event"], line["log_level"], line["why"], line["where"]) for line in lines] == [
        ("delivery.not_fast", "info", "one reason", "flights"),
        ("delivery.not_fast", "info", "another reason", ""),
    ]


def test_another_app_says_it_again() -> None:
    with capture_logs() as lines:
        for say_once in (SayOnce(), SayOnce()):
            say_once("one reason")
    assert len(lines) == 2

"""Events out of a log that has more in it than events."""

from tests.support.events import events_in

LOG = b"""{"event": "worker.running", "slot": 0}
error: a sentence for a person
Traceback (most recent call last):
7
{"no": "event"}
{"event": "worker.waiting", "attempt": 1}
{"event": "worker.wai"""


def test_only_whole_events_are_read() -> None:
    assert events_in(LOG) == [{"event": "worker.running", "slot": 0}, {"event": "worker.waiting", "attempt": 1}]


def test_an_empty_log_has_none() -> None:
    assert events_in(b"") == []

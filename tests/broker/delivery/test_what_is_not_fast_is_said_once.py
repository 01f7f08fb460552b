"""Whatever does not go the fast way is said in the log, each reason once, and nothing else is.

Exactly-once and sensors of the app: in the tests of those.
"""

import pytest

from framework.streams.sending import producing, topics
from tests.support.both_paths_log import not_fast
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker


def test_on_the_fast_path_each_reason_is_said_once(both: Both) -> None:
    """The app has agents and topics with a schema of their own, callbacks, `send_soon`, and tables of sets."""
    assert not_fast(both.fast.log) == dict.fromkeys(
        (
            "a schema, a registry or events of its own have a call for each record",
            topics.GIVEN,
            producing.SOON,
            topics.SCHEMA,
            "each change of a table of sets is sent by itself",
        ),
        1,
    )


def test_on_fausts_path_one_reason_is_said(both: Both) -> None:
    assert not_fast(both.faust.log) == {
        "records are delivered one by one, Faust's own way: FRAMEWORK_FAST_DELIVERY is false": 1
    }

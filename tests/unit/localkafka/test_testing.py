"""The parts of the pytest plugin that need no broker."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.testing import eventually, topic_stem


def test_eventually_returns_the_first_true_result() -> None:
    answers = iter([0, None, "yes", "no"])
    assert eventually(lambda: next(answers), within=5.0, every=0.0) == "yes"


def test_eventually_forgives_errors_until_the_time_is_up() -> None:
    answers = iter([ZeroDivisionError, KeyError])

    def check() -> str:
        for error in answers:
            raise error
        return "there"

    assert eventually(check, within=5.0, every=0.0) == "there"


def test_eventually_tells_the_last_result() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.0 s; the last try returned \[\]"):
        eventually(lambda: [], within=0.0)


def test_eventually_tells_and_chains_the_last_error() -> None:
    with pytest.raises(AssertionError, match="the last try raised KeyError") as raised:
        eventually(lambda: {}["x"], within=0.0)
    assert isinstance(raised.value.__cause__, KeyError)


@given(st.text())
def test_topic_stem_is_legal_in_kafka(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{0,150}", topic_stem(name))


def test_topic_stem_keeps_the_words() -> None:
    assert topic_stem("test_data_survives[3 nodes]") == "test-data-survives-3-nodes"


def test_importing_the_plugin_is_cheap() -> None:
    code = "import sys, framework.testing; print(*{'faust', 'aiokafka', 'kafka', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

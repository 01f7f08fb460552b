"""The code that a supervisor ends with, and what it tells the person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import Settings
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Failed
from framework.lifecycle.supervisor import Supervisor, worst

CODES = st.lists(st.sampled_from(ExitCode))


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.OK], ExitCode.OK),
        ([ExitCode.OK, ExitCode.FORCED], ExitCode.FORCED),
        ([ExitCode.FORCED, ExitCode.FENCED], ExitCode.FENCED),
        ([ExitCode.CRASH_LOOP, ExitCode.FENCED], ExitCode.CRASH_LOOP),
    ],
)
def test_worst(codes: list[ExitCode], code: ExitCode) -> None:
    assert worst(codes) is code


@given(CODES)
def test_it_is_well_only_if_all_workers_ended_well(codes: list[ExitCode]) -> None:
    found = worst(codes)
    assert (found is ExitCode.OK) is all(code is ExitCode.OK for code in codes)
    assert found is ExitCode.OK or found in codes
    assert found is not ExitCode.FORCED or set(codes) <= {ExitCode.OK, ExitCode.FORCED}


def test_person_reads_the_same_sentence_once(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor("shop:app", 3, Settings.load(environ={}, env_file=None))
    for message in ("The port is taken.", "The port is taken.", "Another thing."):
        supervisor._on_failed(Failed(ExitCode.PORT_TAKEN, message))
    assert capsys.readouterr().err == "error: The port is taken.\nerror: Another thing.\n"


def test_each_worker_gets_its_slot() -> None:
    supervisor = Supervisor("shop:app", 3, Settings.load(environ={}, env_file=None), debug=True)
    assert [(spec.slot, spec.slots, spec.debug) for spec in supervisor._specs] == [(n, 3, True) for n in range(3)]

"""A worker that may not create or write the roster says which right to grant, goes on, and writes once it may."""

import time
from contextlib import AbstractContextManager

from kafka.admin import ACLOperation
from structlog.testing import capture_logs

from framework.states import SeatState
from framework.testing import eventually
from tests.support import rights
from tests.support.roster import Roster


def denied(roster: Roster, operation: ACLOperation) -> AbstractContextManager[None]:
    return rights.denied(roster.bootstrap_servers, roster.topic, operation)


def test_right_to_write_is_taken_and_given_back(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs:
        keeper = roster.keeper()
        eventually(lambda: roster.exists() and roster.entries())
        with denied(roster, ACLOperation.WRITE):
            warning = eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])[0]
            told = time.monotonic()
            keeper.tell(state=SeatState.RUNNING)
            assert time.monotonic() - told < 0.5
        eventually(lambda: roster.entries()[-1].state is SeatState.RUNNING)
    assert "Grant WRITE and DESCRIBE on the topic" in warning["problem"]
    assert roster.topic in warning["problem"]
    assert len([line for line in logs if line["event"] == "roster.unwritable"]) == 1


def test_right_to_create_is_missing(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs, denied(roster, ACLOperation.CREATE):
        keeper = roster.keeper()
        warning = eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])[0]
        keeper.close(timeout=1.0, state=SeatState.STOPPED)
    assert "cannot be created" in warning["problem"]
    assert "Grant CREATE on the topic" in warning["problem"]
    assert not roster.exists()


def test_right_to_read_is_missing(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs, denied(roster, ACLOperation.READ):
        roster.keeper()
        warning = eventually(
            lambda: [line for line in logs if line["event"] == "roster.wanted_unreadable"], within=20.0
        )[0]
    assert "Grant READ and DESCRIBE on the topic" in warning["problem"]
    assert not [line for line in logs if line["event"] == "roster.unwritable"]
    # The right to read is back a moment after the answer.
    assert eventually(roster.entries)


def test_right_to_read_is_taken(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs:
        roster.keeper()
        eventually(lambda: roster.exists() and roster.entries())
        with denied(roster, ACLOperation.READ):
            # A poll that finds nothing may be under way, and lasts for ten seconds.
            warning = eventually(
                lambda: [line for line in logs if line["event"] == "roster.wanted_unreadable"], within=20.0
            )[0]
    assert "Grant READ and DESCRIBE on the topic" in warning["problem"]

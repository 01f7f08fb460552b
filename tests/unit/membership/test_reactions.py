"""One reaction for each answer that a group API of a broker can give, and the sentence for each that ends a member."""

import aiokafka.errors as kafka_errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import FencedError, GroupFailedError, GroupNotAllowedError, MembershipError
from framework.exit_codes import FINAL, ExitCode
from framework.membership.protocol import register_errors
from framework.membership.reactions import REACTIONS, Reaction, Seat, failure, reaction_to

SEAT = Seat("flights", "w-0", "w-0-abc")

ANSWERS = {
    "JoinGroup": {0, 14, 15, 16, 23, 24, 25, 26, 27, 30, 35, 79, 81, 82, 111},
    "SyncGroup": {0, 14, 15, 16, 22, 23, 25, 27, 30, 35, 82},
    "Heartbeat": {0, 14, 15, 16, 22, 25, 27, 30, 35, 82},
    "OffsetCommit": {0, 3, 7, 12, 14, 15, 16, 22, 24, 25, 27, 28, 29, 30, 35, 82},
    "OffsetFetch": {0, 3, 14, 15, 16, 24, 29, 30, 35, 88},
    "LeaveGroup": {0, 14, 15, 16, 24, 25, 30, 35, 82},
    "FindCoordinator": {0, 14, 15, 24, 30, 35},
}
"""The error codes that Apache Kafka lists for each answer (its clients' response classes, GroupCoordinatorService)."""


@pytest.mark.parametrize("api", ANSWERS)
def test_each_answer_of_a_group_api_has_a_reaction(api: str) -> None:
    assert (ANSWERS[api] | {-1}) - REACTIONS.keys() == set()


def test_the_table_holds_nothing_that_no_group_api_answers() -> None:
    assert REACTIONS.keys() - {-1}.union(*ANSWERS.values()) == set()


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (-1, Reaction.RETRY),
        (0, Reaction.GO_ON),
        (7, Reaction.RETRY),
        (14, Reaction.RETRY),
        (15, Reaction.FIND_COORDINATOR),
        (16, Reaction.FIND_COORDINATOR),
        (22, Reaction.REJOIN),
        (25, Reaction.JOIN_ANEW),
        (27, Reaction.REJOIN),
        (79, Reaction.GO_ON),
        (82, Reaction.FENCED),
        (111, Reaction.FENCED),
        (30, Reaction.FAIL),
    ],
)
def test_reaction(code: int, reaction: Reaction) -> None:
    assert reaction_to(code) is reaction


def test_an_evicted_member_never_joins_without_its_member_id() -> None:
    """Joining anew takes the seat from whoever holds it, so only an answer that proves it empty may lead there."""
    assert {code for code, reaction in REACTIONS.items() if reaction is Reaction.JOIN_ANEW} == {25}


@given(st.integers(-1, 200).filter(lambda code: code not in REACTIONS), st.booleans())
def test_code_outside_the_table_is_retried_only_if_the_client_library_would(code: int, retriable: bool) -> None:
    assert reaction_to(code, retriable=retriable) is (Reaction.RETRY if retriable else Reaction.FAIL)


@given(st.sampled_from(sorted(REACTIONS)), st.booleans())
def test_the_table_wins_over_the_client_library(code: int, retriable: bool) -> None:
    assert reaction_to(code, retriable=retriable) is REACTIONS[code]


@pytest.mark.parametrize("code", sorted(kafka_errors.kafka_errors))
def test_each_code_that_aiokafka_knows_gets_a_reaction(code: int) -> None:
    register_errors()
    assert reaction_to(code, retriable=kafka_errors.for_code(code).retriable) in Reaction


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [
        (82, FencedError, ExitCode.FENCED),
        (111, FencedError, ExitCode.FENCED),
        (29, GroupNotAllowedError, ExitCode.NOT_ALLOWED),
        (30, GroupNotAllowedError, ExitCode.NOT_ALLOWED),
        (23, GroupFailedError, ExitCode.GROUP_FAILED),
        (24, GroupFailedError, ExitCode.GROUP_FAILED),
        (26, GroupFailedError, ExitCode.GROUP_FAILED),
        (35, GroupFailedError, ExitCode.GROUP_FAILED),
        (81, GroupFailedError, ExitCode.GROUP_FAILED),
        (999, GroupFailedError, ExitCode.GROUP_FAILED),
    ],
)
def test_failure(code: int, kind: type[MembershipError], exit_code: ExitCode) -> None:
    error = failure(code, "NAME", SEAT)
    assert type(error) is kind
    assert error.exit_code is exit_code
    assert exit_code in FINAL or kind is FencedError
    assert (error.group_id, error.group_instance_id, error.member_id) == ("flights", "w-0", "w-0-abc")


@pytest.mark.parametrize("code", [code for code, reaction in REACTIONS.items() if reaction is Reaction.FAIL])
def test_each_failure_says_what_to_do(code: int) -> None:
    message = str(failure(code, "NAME", SEAT))
    assert "'flights'" in message
    assert f"error {code} (NAME)" in message
    assert "does not know this error" not in message


@pytest.mark.parametrize("code", [-1, 42, 110, 999])
def test_unknown_error_keeps_its_number(code: int) -> None:
    message = str(failure(code, "UNKNOWN", SEAT))
    assert f"error {code} (UNKNOWN)" in message
    assert "does not know this error" in message


def test_fenced_names_the_seat_and_the_way_out() -> None:
    message = str(failure(82, "FENCED_INSTANCE_ID", SEAT))
    assert "'w-0'" in message
    assert "'flights'" in message
    assert "instance id of its own" in message

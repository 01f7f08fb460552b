"""When a worker gives its seat up: every combination of policy, reason and what is known of the wanted count."""

from itertools import product

import pytest

from framework.lifecycle.leave_policy import Policy, should_leave
from framework.settings import Settings
from framework.states import StopReason

POLICIES: tuple[Policy, ...] = ("auto", "always", "never")
COUNTS = [(None, None), (None, 3), (2, None), (2, 3), (3, 3), (4, 3), (0, 0)]
"""(ordinal, wanted)"""

BY_REASON = {
    # reason: (auto, always, never); auto of an interrupt depends on the counts.
    StopReason.TERMINAL: (True, True, False),
    StopReason.LEAVE: (True, True, False),
    StopReason.SCALED_DOWN: (True, True, False),
    StopReason.INTERRUPT: (None, True, False),
    StopReason.SUPERVISOR_GONE: (False, True, False),
    StopReason.RESTART: (False, False, False),
    StopReason.HANDOVER: (False, False, False),
    StopReason.DRILL: (False, False, False),
}

AUTO_AT_AN_INTERRUPT = {
    (None, None): False,
    (None, 3): False,
    (2, None): False,
    (2, 3): False,
    (3, 3): True,
    (4, 3): True,
    (0, 0): True,
}
"""Where the seat is not named as surplus; one that is leaves."""


@pytest.mark.parametrize(("policy", "reason"), list(product(POLICIES, StopReason)))
def test_every_combination(policy: Policy, reason: StopReason) -> None:
    by_table = BY_REASON[reason][POLICIES.index(policy)]
    for (ordinal, wanted), is_surplus in product(COUNTS, (False, True)):
        found = should_leave(policy, reason, ordinal=ordinal, wanted=wanted, is_surplus=is_surplus)
        expected = AUTO_AT_AN_INTERRUPT[ordinal, wanted] or is_surplus if by_table is None else by_table
        assert found.leave is expected, (ordinal, wanted, is_surplus)
        assert found.why


def test_the_policies_are_those_of_the_settings() -> None:
    for policy in POLICIES:
        assert Settings.load({}, None, leave_policy=policy).leave_policy == policy


@pytest.mark.parametrize(
    ("ordinal", "wanted", "is_surplus", "why"),
    [
        (3, 3, False, "its number 3 is not below the wanted count 3"),
        (2, 3, False, "its number 2 is below the wanted count 3"),
        (None, 3, False, "it has no number to compare with the wanted count"),
        (2, None, False, "nothing says that it is not coming back"),
        (None, None, True, "its seat is surplus since the last scaling"),
    ],
)
def test_an_interrupt_is_explained(ordinal: int | None, wanted: int | None, is_surplus: bool, why: str) -> None:
    found = should_leave("auto", StopReason.INTERRUPT, ordinal=ordinal, wanted=wanted, is_surplus=is_surplus)
    assert found.why == why


def test_an_order_that_is_not_followed_is_named() -> None:
    found = should_leave("never", StopReason.LEAVE, ordinal=0, wanted=1, is_surplus=False)
    assert found.why == "the leave policy is never, whatever the reason (asked to leave)"

"""Which leader ids are this instance's own from before: a leader that came back is told its former member id."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.membership.answers import is_former_self

UUID = "0b3c5f5e-8f0e-4f57-9f7d-0123456789ab"
NAMES = st.text("abw01._-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("leader_id", "group_instance_id", "is_it"),
    [
        (f"w-1-{UUID}", "w-1", True),
        (f"w-1-{UUID.upper()}", "w-1", True),
        (f"w-1-{UUID}", "w", False),
        (f"w-1-{UUID}", "w-1-0b3c5f5e", False),
        (f"w-{UUID}", "w-1", False),
        (f"w-1-{UUID}", None, False),
        (f"None-{UUID}", None, False),
        (f"w-1-{UUID}\n", "w-1", False),
        (f"w-1-{UUID}0", "w-1", False),
        (f"w-1{UUID}", "w-1", False),
        ("w-1-", "w-1", False),
        ("w-1", "w-1", False),
        ("", "w-1", False),
        ("aiokafka-0.14.0-" + UUID, "w-1", False),
    ],
)
def test_is_former_self(leader_id: str, group_instance_id: str | None, is_it: bool) -> None:
    assert is_former_self(leader_id, group_instance_id) is is_it


@given(NAMES, st.uuids())
def test_own_member_ids_are_recognised(instance: str, suffix: uuid.UUID) -> None:
    assert is_former_self(f"{instance}-{suffix}", instance)


@given(NAMES, NAMES, st.uuids())
def test_member_ids_of_others_are_not(instance: str, other: str, suffix: uuid.UUID) -> None:
    assert is_former_self(f"{other}-{suffix}", instance) is (instance == other)

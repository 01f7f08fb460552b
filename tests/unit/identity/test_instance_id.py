"""Kafka's rule for instance ids (S04)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import IllegalInstanceIdError
from framework.instance_id import check_instance_id, fault_in_name


@pytest.mark.parametrize("text", ["w", "w-1", "w-1-1", "W_1.x", "...", "-", "0", "w" * 249])
def test_legal(text: str) -> None:
    assert check_instance_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "w 1", ".", "..", "a:b", "a=b", "w" * 250, "w\n", "\nw", "wörker", "w\N{ARABIC-INDIC DIGIT ONE}", "a/b"],
)
def test_illegal(text: str) -> None:
    with pytest.raises(IllegalInstanceIdError, match="FRAMEWORK_INSTANCE_ID"):
        check_instance_id(text)


@given(st.text(max_size=300))
def test_the_rule_is_kafkas(text: str) -> None:
    legal = re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) is not None and text not in {".", ".."}
    assert (fault_in_name(text) is None) is legal


def test_a_long_id_is_cut_in_the_message() -> None:
    with pytest.raises(IllegalInstanceIdError) as caught:
        check_instance_id("w" * 5000)
    assert len(str(caught.value)) < 400

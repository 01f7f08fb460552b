"""The quick test of a field lets nothing pass that its rule does not, and nearly everything that it does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.flights.rules import RULES, Kind

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5000, 20_000)
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.text("ABC019-", max_size=12)
    | st.lists(st.integers(), max_size=2)
)


@pytest.mark.parametrize("name", RULES)
@given(value=VALUES)
def test_quick_test_agrees_with_the_rule(name: str, value: Any) -> None:
    rule = RULES[name]
    passes = rule.has_type_of(value) and rule.kind is not Kind.MOMENT and rule.allows(value)
    assert rule.test()(value) is passes

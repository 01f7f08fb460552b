"""A body that has failed is not waited for in these tests."""

import pytest

from framework.backoff import Backoff
from framework.streams.agents import agent


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not none: an agent's supervisor lets an actor begin again not more often than each hundredth second.
    monkeypatch.setattr(agent, "PAUSES", Backoff(initial=0.02, maximum=0.02))

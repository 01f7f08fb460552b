"""How long a worker waits for a broker."""

import asyncio
from typing import Any

import pytest

import framework.lifecycle.broker_wait as module
from framework.errors import BrokerUnavailableError, NotAllowedError
from framework.lifecycle.broker_wait import reach_broker


class FakeApp:
    """A fake app of which only the brokers are looked at."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def probe_broker(self, _timeout: float) -> None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer


class TestReachBroker:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PROBE_BACKOFF", module.Backoff(initial=0.001, maximum=0.001))

    def test_broker_that_comes_late(self) -> None:
        app: Any = FakeApp(BrokerUnavailableError("away"), BrokerUnavailableError("away"), None)
        asyncio.run(reach_broker(app, 30.0))
        assert app.asked == 3

    @pytest.mark.parametrize(("patience", "at_least"), [(0.0, 1), (0.01, 2)])
    def test_patience_ends(self, patience: float, at_least: int) -> None:
        app: Any = FakeApp(BrokerUnavailableError("away"))
        with pytest.raises(BrokerUnavailableError):
            asyncio.run(reach_broker(app, patience))
        assert app.asked >= at_least
        assert patience > 0 or app.asked == 1

    def test_refusal_is_not_waited_out(self) -> None:
        app: Any = FakeApp(NotAllowedError("wrong password"))
        with pytest.raises(NotAllowedError):
            asyncio.run(reach_broker(app, 30.0))
        assert app.asked == 1

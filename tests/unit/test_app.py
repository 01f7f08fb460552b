"""How an app gives its seat up: the stop is Faust's and a fake, and so is the member."""

import asyncio
from types import SimpleNamespace
from typing import Any

import faust
import pytest

from framework import App
from tests.unit.membership.apps import offline_app


class FakeMember:
    """A fake of the coordinator: leaves when it is closed, if it was told to and the broker answers."""

    def __init__(self, *, is_answered: bool = True) -> None:
        self.leave_on_close = False
        self.has_left = False
        self.closes = 0
        self._is_answered = is_answered

    def close(self) -> None:
        self.closes += 1
        self.has_left = self.leave_on_close and self._is_answered


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    found = offline_app()

    async def stop(self: Any) -> None:
        await asyncio.sleep(0)
        if self.member is not None:
            self.member.close()

    monkeypatch.setattr(faust.App, "stop", stop)
    return found


def seated(app: App, member: FakeMember) -> FakeMember:
    app._consumer = SimpleNamespace(member=member)
    return member


def leave(app: App) -> bool:
    app.leave_on_stop()
    asyncio.run(app.stop())
    return app.has_left


def test_leaving_is_a_stop_that_gives_the_seat_up(app: App) -> None:
    member = seated(app, FakeMember())
    assert leave(app) is True
    assert (member.closes, member.leave_on_close) == (1, True)


def test_seat_is_not_given_up_before_the_broker_has_said_so(app: App) -> None:
    seated(app, FakeMember(is_answered=False))
    assert leave(app) is False


def test_app_that_has_no_member_yet_just_stops(app: App) -> None:
    assert app.member is None
    assert leave(app) is False


def test_stop_keeps_the_seat(app: App) -> None:
    member = seated(app, FakeMember())
    asyncio.run(app.stop())
    assert (member.closes, member.has_left) == (1, False)


def test_whoever_stops_in_the_meantime_waits_for_the_same_end(app: App) -> None:
    member = seated(app, FakeMember())

    async def scenario() -> list[int]:
        async def closes() -> int:
            await app.stop()
            return member.closes

        return await asyncio.gather(closes(), closes())

    assert asyncio.run(scenario()) == [1, 1]


def test_it_is_not_too_late_to_leave_before_the_member_closes(app: App) -> None:
    seated(app, FakeMember())

    async def scenario() -> bool:
        stopping = asyncio.ensure_future(app.stop())
        await asyncio.sleep(0)
        app.leave_on_stop()
        await stopping
        return app.has_left

    assert asyncio.run(scenario()) is True


def test_stop_that_has_ended_is_not_taken_for_a_leave(app: App) -> None:
    member = seated(app, FakeMember())

    async def scenario() -> bool:
        await app.stop()
        app.leave_on_stop()
        await app.stop()
        return app.has_left

    assert asyncio.run(scenario()) is False
    assert member.closes == 1

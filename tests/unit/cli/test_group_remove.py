"""`framework group remove`: whom it names to the broker; the group and its roster are fakes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from framework.cli import group_remove
from framework.errors import SeatLiveError
from framework.membership.group import Group, Member
from tests.unit.membership.apps import offline_app
from tests.unit.membership.fake_roster import FakeRoster, entry_of


class FakeAdmin:
    """A fake of `GroupAdmin`: in its group, the members follow one another in the seat w-0.

    Attributes:
        sitters: their member ids; the last one is there now, and the first one is described.
    """

    def __init__(self, *sitters: str) -> None:
        self.sitters = sitters
        self.removed: list[str] = []

    async def describe(self, group_id: str) -> Group:
        return Group(group_id, "Stable", (Member(self.sitters[0], "w-0", "w-0@box#1700000000000-0a", "/h"),))

    async def remove(self, group_id: str, group_instance_id: str, member_id: str | None = None) -> None:
        if member_id not in (None, self.sitters[-1]):
            raise SeatLiveError("somebody else sits there")
        self.removed.append(self.sitters[-1])


class FakeOutlook:
    """A fake of `Outlook` with a roster that says nothing new of the seat."""

    connection = None
    roster_problem = ""

    def __init__(self, admin: FakeAdmin) -> None:
        self.admin = admin
        self.reader = FakeRoster()
        self.reader.write(entry_of("w-0", member_id=admin.sitters[0]))


def remove(admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch, *, force: bool) -> None:
    @asynccontextmanager
    async def looking_at(*_: Any) -> AsyncIterator[FakeOutlook]:
        yield FakeOutlook(admin)

    async def nobody(*_: Any) -> set[str]:
        return set()

    async def forget(*_: Any) -> None:
        pass

    monkeypatch.setattr(group_remove, "looking_at", looking_at)
    monkeypatch.setattr(group_remove, "live_seats", nobody)
    monkeypatch.setattr(group_remove, "forget", forget)
    group_remove.run(offline_app().settings, "g", "w-0", force=force, as_json=False)


def test_one_that_was_found_dead_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = FakeAdmin("w-0-dead")
    remove(admin, monkeypatch, force=False)
    assert admin.removed == ["w-0-dead"]


def test_nobody_is_removed_who_sat_down_while_it_was_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = FakeAdmin("w-0-dead", "w-0-new")
    with pytest.raises(SeatLiveError):
        remove(admin, monkeypatch, force=False)
    assert admin.removed == []


def test_force_is_for_whoever_sits_there(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = FakeAdmin("w-0-dead", "w-0-new")
    remove(admin, monkeypatch, force=True)
    assert admin.removed == ["w-0-new"]

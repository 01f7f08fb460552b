"""A standby that lives in a fake world."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from framework import App
from framework.lifecycle.standby import Promotion, Standby
from framework.states import ShadowState
from tests.unit.lifecycle.fake_world import World, owner_of, standby_app

OWNER, OTHER = owner_of(0), owner_of(1)

Scenario = Callable[[], Awaitable[None]]


class Life:
    """A standby that lives.

    Attributes:
        standby: it.
        stop: set to stop it.
        told: what it was told of its member in the standby group.
    """

    def __init__(self, world: World, app: App | None = None) -> None:
        world.app = app or standby_app()
        self.world = world
        self.told: list[Any] = []
        hooked: Any = world.app
        hooked.on_membership_failure = hooked.on_member_id = hooked.on_joined = self.told.append
        self.standby = Standby(world.app, world.reports.append)
        self.stop = asyncio.Event()

    async def run(self, seconds: float) -> Promotion | None:
        """Until it sits down, for some seconds at most."""
        self.world.at(self.world.now - 100.0 + seconds, self.stop.set)
        try:
            return await self.standby.run(self.stop)
        finally:
            for task in self.standby._tasks:
                task.cancel()


def live(world: World, seconds: float, app: App | None = None) -> Promotion | None:
    return asyncio.run(asyncio.wait_for(Life(world, app).run(seconds), 20.0))


def run(scenario: Scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20.0))


def states(world: World) -> list[ShadowState]:
    """The states that the supervisor was told, without those that stayed."""
    found = [report.shadowing.state for report in world.reports]
    return [state for before, state in zip([None, *found], found, strict=False) if state is not before]


async def promoted(world: World) -> tuple[Life, Promotion]:
    """One that has decided to sit down in the seat of `OWNER`, which fell silent."""
    life = Life(world)
    world.at(5.0, lambda: world.dies(OWNER))
    promotion = await life.run(30.0)
    assert promotion is not None
    world.calls.clear()
    return life, promotion

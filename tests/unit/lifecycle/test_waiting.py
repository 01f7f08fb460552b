"""Of tasks is told where they wait, through whatever they await."""

import asyncio
import re
from collections.abc import Generator, Iterable
from typing import Any

import pytest
import uvloop

from framework.lifecycle import waiting
from framework.lifecycle.waiting import all_waits


class Awaitable:
    def __init__(self, future: "asyncio.Future[None]") -> None:
        self.future = future

    def __await__(self) -> Generator[Any, Any, None]:
        return (yield from self.future)


async def one(future: Any) -> None:
    await Awaitable(future)


async def other(future: Any) -> None:
    await one(future)


async def told_of(coroutines: Iterable[Any], future: "asyncio.Future[None]") -> list[str]:
    """What is told from another thread of tasks that wait for a future; without the task that asks."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    await asyncio.sleep(0)
    closed = asyncio.new_event_loop()
    closed.close()
    found = await asyncio.to_thread(all_waits, [asyncio.get_running_loop(), closed])
    future.set_result(None)
    await asyncio.gather(*tasks)
    return [each for each in found if "Awaitable" in each or each.startswith("and ")]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_all_on_the_way_those_at_one_place_together_and_last(run: Any) -> None:
    async def scenario() -> None:
        future = asyncio.get_running_loop().create_future()
        alone, together = await told_of([one(future), one(future), other(future), one(future)], future)
        place = r"lifecycle/test_waiting\.py:\d+ "
        assert re.fullmatch(f"{place}other > {place}one > {place}Awaitable.__await__", alone)
        assert re.fullmatch(f"3 x {place}one > {place}Awaitable.__await__", together)

    run(scenario())


def test_there_may_be_more_places_than_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_PLACES", 1)

    async def scenario() -> None:
        future = asyncio.get_running_loop().create_future()
        found = await told_of([one(future), one(future), other(future), other(future)], future)
        assert found == ["and 2 more places"]

    asyncio.run(scenario())


def test_tasks_that_are_done_wait_nowhere() -> None:
    async def scenario() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        task = asyncio.ensure_future(one(future))
        await task
        assert not any(" one" in each for each in all_waits([asyncio.get_running_loop()]))

    asyncio.run(scenario())

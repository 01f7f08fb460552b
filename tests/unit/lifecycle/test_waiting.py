"""Of tasks is told where they wait, through whatever they await."""

import asyncio
import re
from collections.abc import Generator
from typing import Any

from framework.lifecycle.waiting import all_waits, waits_at


class Awaitable:
    def __init__(self, future: "asyncio.Future[None]") -> None:
        self.future = future

    def __await__(self) -> Generator[Any, Any, None]:
        return (yield from self.future)


def test_all_on_the_way_to_what_is_waited_for() -> None:
    async def scenario() -> None:
        future = asyncio.get_running_loop().create_future()

        async def inner() -> None:
            await Awaitable(future)

        async def outer() -> None:
            await inner()

        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0)
        found = waits_at(task)
        assert all(re.fullmatch(r"lifecycle/test_waiting\.py:\d+ .+", each) for each in found)
        names = [each.split(".")[-1] for each in found]
        assert names == ["outer", "inner", "__await__"]
        future.set_result(None)
        await task
        assert waits_at(task) == waits_at(None) == []

    asyncio.run(scenario())


def test_all_tasks_of_a_loop_those_at_one_place_together() -> None:
    async def scenario() -> None:
        async def one() -> None:
            await asyncio.sleep(10)

        async def other() -> None:
            await one()

        tasks = [asyncio.ensure_future(each()) for each in (one, one, one, other)]
        await asyncio.sleep(0)
        closed = asyncio.new_event_loop()
        closed.close()
        found = await asyncio.to_thread(all_waits, [asyncio.get_running_loop(), closed])
        assert any(
            re.fullmatch(r"3 x lifecycle/test_waiting\.py:\d+ .+\.one > asyncio/.+ sleep", each) for each in found
        )
        assert any(
            re.search(r"^lifecycle/test_waiting\.py:\d+ .+\.other > .+\.one > .+ sleep$", each) for each in found
        )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())

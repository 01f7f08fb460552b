"""Of a task is told where it waits, through whatever it awaits."""

import asyncio
import re
from collections.abc import Generator
from typing import Any

from framework.lifecycle.waiting import waits_at


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

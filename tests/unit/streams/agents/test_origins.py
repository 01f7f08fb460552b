"""Which task has begun which."""

import asyncio
import gc
from typing import Any

from framework.streams.agents import origins
from framework.streams.agents.bodies import Body
from framework.streams.agents.origins import Line
from tests.unit.streams.fakes import run


async def line() -> Line:
    return Line()


def test_line_goes_back_to_the_task_of_the_body() -> None:
    async def scenario() -> None:
        Body.begin()

        async def middle() -> Line:
            return await asyncio.create_task(line())

        mine = Line()
        found = await asyncio.create_task(middle())
        assert (len(mine.origins), len(found.origins)) == (1, 3)
        assert found.origins[-1] is mine.origins[0]
        assert found.holder() == (mine.origins[0], found.origins[1])

    run(scenario)


def test_one_after_the_other_and_side_by_side() -> None:
    async def scenario() -> None:
        Body.begin()
        is_over = asyncio.Event()

        async def after(line: asyncio.Future[Line]) -> None:
            line.set_result(Line())
            await is_over.wait()

        first = await asyncio.create_task(line())
        lines = [asyncio.get_running_loop().create_future() for _ in range(2)]
        tasks = [asyncio.create_task(after(future)) for future in lines]
        second, third = [await future for future in lines]
        is_over.set()
        await asyncio.wait(tasks)
        fourth = await asyncio.create_task(line())
        assert first.has_gone_on(second)
        assert not second.has_gone_on(third)
        assert second.has_gone_on(fourth)
        assert third.has_gone_on(fourth)
        assert third.has_gone_on(Line())

    run(scenario)


def test_of_others_nobody_has_gone_on() -> None:
    async def scenario() -> None:
        Body.begin()

        async def worker(others: list[Line]) -> list[bool]:
            lines = [await asyncio.create_task(line()) for _ in range(2)]
            await asyncio.sleep(0)
            found = [other.has_gone_on(lines[-1]) for other in others]
            others.extend(lines)
            await asyncio.sleep(0.01)
            return found

        others: list[Line] = []
        assert await asyncio.gather(worker(others), worker(others)) == [[], [False, False]]

    run(scenario)


def test_task_factory_of_the_app_is_kept() -> None:
    async def scenario() -> None:
        made: list[Any] = []

        def make(loop: Any, coro: Any, **options: Any) -> Any:
            made.append(asyncio.Task(coro, loop=loop, **options))
            return made[-1]

        loop = asyncio.get_running_loop()
        loop.set_task_factory(make)
        Body.begin()
        Body.begin()
        task = asyncio.create_task(line(), name="mine")
        assert len((await task).origins) == 2
        assert (made, task.get_name()) == ([task], "mine")

    run(scenario)


def test_nothing_is_kept_of_tasks_that_have_ended() -> None:
    async def scenario() -> None:
        Body.begin()
        for _ in range(50):
            await asyncio.create_task(line())
        await asyncio.sleep(0)
        gc.collect()
        assert sum(type(each) is origins.Origin for each in gc.get_objects()) <= 2
        assert len(origins._origins) <= 1

    run(scenario)

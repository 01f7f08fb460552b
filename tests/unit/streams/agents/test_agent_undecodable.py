"""Records that cannot be decoded cost an agent themselves, and nothing else."""

import asyncio
import time
from typing import Any

import pytest

from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import fed, raw, start_agent


@pytest.mark.parametrize("number", [1, 5])
def test_those_around_them_are_processed(number: int) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    got.append(value)

            await start_agent(feeding, body)
            feeding.feed(0, *(raw(1 + offset, b"{", is_json=False) for offset in range(number)), 1 + number)
            ends_at = time.monotonic() + 2.0
            while len(got) < 2 and time.monotonic() < ends_at:
                await asyncio.sleep(0.005)
            await settle()
            assert (got, feeding.committable()) == ([0, 1 + number], 2 + number)

    run(scenario)

"""A loop that waits: for the lease, and for single items that somebody puts into its channel."""

import asyncio

import pytest

from framework.streams.agents import turns
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import fed, looping
from tests.unit.streams.leases import let_go_on, let_lapse


class TestLease:
    """No body begins while it is not held."""

    def test_before_a_run(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                let_lapse(feeding.app.lease)
                feeding.feed(0, 1)
                await settle()
                assert (loop.got, feeding.consumer.in_flight()) == ([], [])
                let_go_on(feeding.app.lease)
                async with asyncio.timeout(1.0):
                    while loop.got != [0, 1]:
                        await asyncio.sleep(0.005)

        run(scenario)

    def test_revoke_meanwhile_drops_all_of_it(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                let_lapse(feeding.app.lease)
                feeding.feed(0, 1)
                await settle()
                feeding.revoke()
                let_go_on(feeding.app.lease)
                await asyncio.sleep(0.05)
                assert (loop.got, feeding.committable()) == ([], 0)

        run(scenario)

    def test_before_a_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                monkeypatch.setattr(turns, "TURN", 0.00005)
                monkeypatch.setattr(turns, "SHORTEST", 0.00005)
                loop = await looping(feeding, feeding.stream().take(2, within=0))
                let_lapse(feeding.app.lease)
                feeding.feed(0, 1)
                await settle()
                assert loop.got == []

        run(scenario)

    def test_while_a_list_waits_for_more(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(2, within=0.05))
                feeding.feed(0)
                await settle()
                let_lapse(feeding.app.lease)
                await asyncio.sleep(0.1)
                assert loop.got == []

        run(scenario)


class TestSingleItems:
    def test_between_runs(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                loop = await looping(feeding, stream)
                feeding.feed(0)
                await stream.channel.put("value")
                feeding.feed(1)
                await settle()
                assert (loop.got, feeding.committable()) == ([0, "value", 1], 2)

        run(scenario)

    def test_channel_without_a_topic(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                channel = feeding.app.channel()
                loop = await looping(feeding, feeding.app.stream(channel))
                await channel.send(value=7)
                await settle()
                assert loop.got == [7]

        run(scenario)

    def test_error_that_is_thrown_in(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                task = asyncio.ensure_future(anext(aiter(stream)))
                await settle()
                await stream.throw(ValueError("thrown"))
                with pytest.raises(ValueError, match="thrown"):
                    await task

        run(scenario)

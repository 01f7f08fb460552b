"""A log that begins anew while it is read is committed from its new beginning; a position that was set is not one."""

import asyncio

import pytest

from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, Loop, fed
from tests.unit.streams.reading.test_batches import fetched, reading


async def ten_committed(feeding: Feeding) -> Loop:
    """Read the records 0 to 9, and commit them."""
    loop = await reading(feeding)
    feeding.feed(*range(10))
    await settle()
    await feeding.consumer.commit()
    return loop


class TestLogThatBeginsAnew:
    def test_is_committed_from_its_beginning(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await ten_committed(feeding)
                # The client has gone to the beginning by itself.
                feeding.feed(0, 1, 2)
                await settle()
                assert (loop.got[-3:], feeding.consumer.uncommitted()) == ([0, 1, 2], 3)
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 3}

        run(scenario)

    def test_one_that_was_cut_off_goes_on_at_its_end(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await ten_committed(feeding)
                feeding.feed(9)
                await settle()
                feeding.feed(10, 11)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 12}

        run(scenario)

    def test_what_is_unfinished_of_the_new_one_is_not_committed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await ten_committed(feeding)
                loop.go.clear()
                feeding.feed(0, 1, 2)
                await settle()
                await loop.one_more()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 1}

        run(scenario)

    def test_what_is_unfinished_of_the_old_one_holds_nothing_up(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding, is_open=False)
                feeding.feed(*range(10))
                await settle()
                feeding.feed(0, 1)
                await settle()
                await loop.one_more()
                assert feeding.committable() == 0
                loop.go.set()
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 2}

        run(scenario)

    def test_also_after_a_user_has_set_the_position(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await ten_committed(feeding)
                await feeding.consumer.seek(FLIGHTS, 5)
                feeding.feed(5, 6)
                await settle()
                feeding.feed(0, 1)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 2}

        run(scenario)

    def test_right_after_a_rebalance(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                feeding.committed[FLIGHTS] = 10
                await reading(feeding)
                await feeding.consumer.perform_seek()
                feeding.feed(0)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 1}

        run(scenario)


class TestPositionThatWasSet:
    @pytest.mark.parametrize("way", ["seek", "seek_wait"])
    def test_back_by_a_user(self, way: str) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await ten_committed(feeding)
                if way == "seek":
                    await feeding.consumer.seek(FLIGHTS, 5)
                else:
                    await feeding.consumer.seek_wait({FLIGHTS: 5})
                feeding.feed(5, 6)
                await settle()
                await feeding.consumer.commit()
                assert (feeding.committed, feeding.consumer._committed_offset[FLIGHTS]) == ({FLIGHTS: 10}, 10)

        run(scenario)

    def test_back_by_a_user_while_a_run_comes_from_there(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await ten_committed(feeding)
                feeding.consumer.client.kafka.offsets[FLIGHTS] = list(range(10))
                reached, go_on = asyncio.Event(), asyncio.Event()

                async def position(tp: object) -> int:
                    reached.set()
                    await go_on.wait()
                    return 5

                feeding.consumer.client.position = position  # type: ignore[method-assign]
                seeking = asyncio.ensure_future(feeding.consumer.seek_wait({FLIGHTS: 5}))
                await reached.wait()
                delivering = asyncio.ensure_future(anext(feeding.consumer.getmany(0.02), None))
                feeding.consumer._getmany = lambda **kwargs: _at_once(fetched(feeding, 5, 6))
                await settle()
                go_on.set()
                await asyncio.gather(seeking, delivering)
                await settle()
                assert feeding.consumer._committed_offset[FLIGHTS] == 10

        run(scenario)

    def test_run_from_before_it(self) -> None:
        """It is dropped where it was read before, so it cannot look like a log that begins anew."""

        async def scenario() -> None:
            async with fed() as feeding:
                loop = await ten_committed(feeding)
                late = fetched(feeding, 10, 11)
                await feeding.consumer.seek(FLIGHTS, 50)
                await feeding.consumer._deliver_runs(late)
                feeding.feed(50)
                await settle()
                await feeding.consumer.commit()
                assert (loop.got[10:], feeding.committed) == ([50], {FLIGHTS: 51})

        run(scenario)

    def test_back_to_the_committed_offset(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await ten_committed(feeding)
                loop.go.clear()
                feeding.feed(10, 11)
                await settle()
                feeding.app.flow_control.clear()
                await feeding.consumer.perform_seek()
                feeding.feed(10, 11)
                loop.go.set()
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 12}

        run(scenario)


async def _at_once(value: object) -> object:
    return value

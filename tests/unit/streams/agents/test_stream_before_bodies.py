"""What comes before a body: decoding, processors, filters, and the event that is the current one."""

import asyncio
from typing import Any

import faust
import pytest
from faust import current_event
from faust.exceptions import KeyDecodeError, Skip, ValueDecodeError

from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import fed, looping, raw


class TestBeforeTheBody:
    def test_processors_change_values(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()

                async def doubled(value: int) -> int:
                    return value * 2

                stream.add_processor(lambda value: value + 1)
                stream.add_processor(doubled)
                loop = await looping(feeding, stream)
                feeding.feed(0, 1)
                await settle()
                assert loop.got == [2, 4]

        run(scenario)

    def test_skipped_ones_are_finished(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()

                def not_two(value: int) -> int:
                    if value == 2:
                        raise Skip
                    return value

                stream.add_processor(not_two)
                loop = await looping(feeding, stream.filter(lambda value: value != 0))
                feeding.feed(0, 1, 2)
                await settle()
                assert (loop.got, feeding.committable(), stream.events_total) == ([1], 3, 1)

        run(scenario)

    def test_skipped_ones_are_finished_where_nobody_could_acknowledge_them(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().noack().filter(lambda value: value > 1).events())
                feeding.feed(0, 1, 2)
                await settle()
                assert ([event.value for event in loop.got], feeding.committable()) == ([2], 2)

        run(scenario)

    def test_enumerate(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().enumerate())
                feeding.feed(5, 6)
                await settle()
                assert loop.got == [(0, 5), (1, 6)]

        run(scenario)

    def test_undecodable_one_is_raised_in_its_turn_and_loses_no_neighbour(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                got: list[Any] = []

                async def body() -> None:
                    for _ in range(2):
                        try:
                            async for value in stream:
                                got.append(value)
                        except ValueDecodeError:
                            got.append("error")

                feeding.begin(body())
                await settle()
                await feeding.index()
                feeding.feed(0, raw(1, b"{", is_json=False), 2)
                await settle()
                assert (got, feeding.committable()) == ([0, "error", 2], 3)

        run(scenario)

    @pytest.mark.parametrize("value", [None, b"null"])
    def test_null(self, value: bytes | None) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                record = raw(0)
                record.value = value
                feeding.feed(record, 1)
                await settle()
                assert (loop.got, feeding.committable()) == ([None, 1], 2)

        run(scenario)


class TestCurrentEvent:
    def test_in_the_body_and_in_what_it_starts(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                seen: list[Any] = []

                async def child() -> None:
                    await settle(5)
                    seen.append(("child", current_event().value))

                async def body() -> None:
                    async for value in feeding.stream():
                        seen.append((value, current_event().value))
                        feeding.begin(child())

                feeding.begin(body())
                await settle()
                await feeding.index()
                feeding.feed(0, 1)
                await settle()
                assert seen == [(0, 0), (1, 1), ("child", 0), ("child", 1)]

        run(scenario)


class OwnSchema(faust.Schema):
    """Of the app's own, so that only the channel can decode."""


class TestSchemaOfTheUsers:
    def test_decodes(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(schema=OwnSchema(value_type=int)).events(), is_open=False)
                feeding.feed(raw(0, "7"), 1)
                await settle()
                (event,) = loop.got
                assert (event.value, event.message.offset, feeding.committable()) == (7, 0, 0)
                loop.go.set()
                await settle()
                assert (loop.got[1].value, feeding.committable()) == (1, 2)

        run(scenario)


@pytest.mark.parametrize("own_schema", [True, False])
def test_key_is_read_before_the_value(own_schema: bool) -> None:
    """So of two that are bad the key is what is complained of, as in Faust."""

    async def scenario() -> None:
        async with fed() as feeding:
            types: Any = {"key_type": int, "value_type": int}
            stream = feeding.stream(**({"schema": OwnSchema(**types)} if own_schema else types))
            reading = asyncio.ensure_future(anext(aiter(stream)))
            await settle()
            await feeding.index()
            feeding.feed(raw(0, b"x", key=b"x", is_json=False))
            with pytest.raises(KeyDecodeError):
                await reading

    run(scenario)

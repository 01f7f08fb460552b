"""A loop over runs: each record once, in order, and finished when its body has ended."""

from faust.types import TP

from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import fed, looping, raw


class TestWhatBodiesGet:
    def test_values(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                feeding.feed(raw(0, {"a": 1}), raw(1, [2]), raw(2, "x"))
                feeding.feed(3)
                await settle()
                assert loop.got == [{"a": 1}, [2], "x", 3]

        run(scenario)

    def test_events(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(key_type=str).events())
                feeding.feed(raw(7, "v", key=b"k", headers=[("h", b"1")]))
                await settle()
                (event,) = loop.got
                assert (event.key, event.value, event.headers, event.app) == ("k", "v", {"h": b"1"}, feeding.app)
                message = event.message
                assert (message.topic, message.partition, message.offset, message.tp) == (*FLIGHTS, 7, FLIGHTS)
                assert (message.timestamp, message.key, message.value, message.headers) == (
                    7.0,
                    b"k",
                    b'"v"',
                    (("h", b"1"),),
                )

        run(scenario)

    def test_items(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(key_type=str).items())
                feeding.feed(raw(0, "v", key=b"k"), raw(1, "w"))
                await settle()
                assert loop.got == [("k", "v"), (None, "w")]

        run(scenario)

    def test_each_channel_has_all(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                one = await looping(feeding, feeding.stream())
                other = await looping(feeding, feeding.stream(), is_open=False)
                feeding.feed(0, 1)
                await settle()
                assert (one.got, other.got, feeding.committable()) == ([0, 1], [0], 0)
                other.go.set()
                await settle()
                assert (other.got, feeding.committable()) == ([0, 1], 2)

        run(scenario)

    def test_partitions_are_counted_each_for_itself(self) -> None:
        async def scenario() -> None:
            other = TP("flights", 1)
            async with fed(FLIGHTS, other) as feeding:
                loop = await looping(feeding, feeding.stream())
                feeding.feed(0, 1)
                feeding.feed(5, tp=other)
                await settle()
                assert loop.got == [0, 1, 5]
                assert (feeding.committable(), feeding.committable(other)) == (2, 6)

        run(scenario)


class TestFinishing:
    def test_when_the_body_has_ended_and_not_before(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(), is_open=False)
                feeding.feed(4, 5)
                await settle()
                assert (feeding.committable(), feeding.consumer.in_flight()) == (4, ["flights[0]@4"])
                await loop.one_more()
                assert (feeding.committable(), feeding.consumer.in_flight()) == (5, ["flights[0]@5"])
                await loop.one_more()
                assert (feeding.committable(), feeding.consumer.in_flight()) == (6, [])

        run(scenario)

    def test_message_that_somebody_keeps(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().events(), is_open=False)
                feeding.feed(0, 1, 2)
                await settle()
                kept = loop.got[0]
                kept.message.incref()
                loop.go.set()
                await settle()
                assert (len(loop.got), feeding.committable()) == (3, 0)
                kept.ack()
                assert feeding.committable() == 3

        run(scenario)

    def test_without_acks_whoever_has_them_says_so(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().noack().events())
                feeding.feed(0, 1, 2)
                await settle()
                assert (len(loop.got), feeding.committable()) == (3, 0)
                assert loop.got[1].ack()
                assert feeding.committable() == 0
                assert loop.got[0].ack()
                assert feeding.committable() == 2
                assert not loop.got[0].ack()
                loop.got[2].message.ack(feeding.consumer)
                assert feeding.committable() == 3

        run(scenario)

    def test_two_tasks_at_one_stream_share_the_records(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                one, other = [await looping(feeding, aiter(stream), is_open=False) for _ in range(2)]
                feeding.feed(0, 1)
                await settle()
                assert sorted(one.got + other.got) == [0, 1]
                second = one if one.got == [1] else other
                await second.one_more()
                assert feeding.committable() == 0
                one.go.set()
                other.go.set()
                await settle()
                assert feeding.committable() == 2

        run(scenario)

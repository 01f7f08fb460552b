"""A run is delivered as a whole or read again; a partition is committed up to the first unfinished record."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from framework.streams.reading.fetching import Fetched
from framework.streams.reading.queues import ChannelQueue
from framework.streams.reading.runs import Slice
from tests.unit.streams.fakes import CHANGELOG, FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, Loop, fed, looping, raw


def fetched(feeding: Feeding, *offsets: int, seeks: int | None = None) -> Fetched:
    """A run as the thread hands it over."""
    records = [raw(offset) for offset in offsets]
    counted = feeding.consumer.thread.seeks[FLIGHTS] if seeks is None else seeks
    return Fetched(runs={FLIGHTS: (records, 7)}, seeks={FLIGHTS: counted}, ends={FLIGHTS: 100})


async def reading(feeding: Feeding, *, is_open: bool = True) -> Loop:
    """A stream with the partition, and the consumer ready to deliver."""
    loop = await looping(feeding, feeding.stream(), is_open=is_open)
    await feeding.join()
    return loop


class TestDelivery:
    def test_to_all_channels_at_once(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                one, other = await reading(feeding), await looping(feeding, feeding.stream())
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1))
                await settle()
                assert one.got == other.got == [0, 1]
                assert feeding.consumer._read_offset[FLIGHTS] == 1
                assert feeding.app.monitor.tp_end_offsets[FLIGHTS] == 100

        run(scenario)

    def test_what_one_channel_drops_the_others_keep(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                streams = [feeding.stream() for _ in range(2)]
                loops = [await looping(feeding, stream, is_open=False) for stream in streams]
                await feeding.join()
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1))
                await settle()
                streams[0].channel.queue.clear()
                for loop in loops:
                    loop.go.set()
                await settle()
                assert [loop.got for loop in loops] == [[0], [0, 1]]

        run(scenario)

    def test_run_read_before_the_position_was_set_is_not_delivered(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding)
                before = fetched(feeding, 5, 6)
                await feeding.consumer.seek(FLIGHTS, 2)
                await feeding.consumer._deliver_runs(before)
                await settle()
                assert loop.got == []
                assert feeding.consumer.client.positions[FLIGHTS] == 2

        run(scenario)

    @pytest.mark.parametrize("why", ["paused", "flow is off"])
    def test_run_that_may_not_be_delivered_is_read_again(self, why: str) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding)
                feeding.consumer.client.positions[FLIGHTS] = 7
                if why == "paused":
                    feeding.consumer.pause_partitions({FLIGHTS})
                else:
                    feeding.consumer.stop_flow()
                await feeding.consumer._deliver_runs(fetched(feeding, 5, 6))
                await settle()
                assert loop.got == []
                assert feeding.consumer.client.positions[FLIGHTS] == 5

        run(scenario)

    def test_nothing_before_the_resume_that_follows_the_seek(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                await feeding.consumer.thread.on_partitions_assigned({FLIGHTS}, 1)
                feeding.consumer.resume_partitions({FLIGHTS})
                feeding.consumer.resume_flow()
                await feeding.consumer._deliver_runs(fetched(feeding, 5))
                await settle()
                assert loop.got == []

        run(scenario)

    def test_seek_while_it_waits_for_the_flow(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding)
                feeding.app.flow_control.suspend()
                delivering = asyncio.ensure_future(feeding.consumer._deliver_runs(fetched(feeding, 5)))
                await settle()
                await feeding.consumer.seek(FLIGHTS, 2)
                feeding.app.flow_control.resume()
                await delivering
                await settle()
                assert loop.got == []

        run(scenario)

    def test_changelogs_are_fetched_record_by_record(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                feeding.app.tables._changelogs[CHANGELOG.topic] = feeding.app.Table("totals")
                await feeding.join()
                assert not feeding.consumer.is_taken_by_run(CHANGELOG)
                assert feeding.consumer.is_taken_by_run(FLIGHTS)

        run(scenario)


class TestCrowdedPartitions:
    def test_is_not_read_until_there_is_room(self) -> None:
        async def scenario() -> None:
            async with fed(max_in_flight=2) as feeding:
                loop = await reading(feeding, is_open=False)
                assert feeding.consumer._wanted_partitions() == {FLIGHTS}
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1, 2))
                await settle()
                wanted = feeding.consumer._wanted_partitions()
                assert wanted == set()
                feeding.consumer._resumed.clear()
                loop.go.set()
                await settle()
                # The set that a fetch under way looks at, too.
                assert wanted == feeding.consumer._wanted_partitions() == {FLIGHTS}
                assert feeding.consumer._resumed.is_set()

        run(scenario)

    def test_sensors_are_told_once_each_time(self) -> None:
        async def scenario() -> None:
            async with fed(max_in_flight=2) as feeding:
                monitor = feeding.app.monitor
                feeding.app.sensors.add(monitor)
                loop = await reading(feeding, is_open=False)
                for count in (1, 2):
                    loop.go.clear()
                    first = 10 * count
                    await feeding.consumer._deliver_runs(fetched(feeding, first, first + 1, first + 2, first + 3))
                    await settle()
                    for _ in range(3):
                        assert feeding.consumer._wanted_partitions() == set()
                    assert monitor.topic_buffer_full == {FLIGHTS: count}
                    loop.go.set()
                    await settle()

        run(scenario)

    def test_other_partitions_are_read_meanwhile(self) -> None:
        async def scenario() -> None:
            other = TP("other", 0)
            async with fed(FLIGHTS, other, max_in_flight=2) as feeding:
                await looping(feeding, feeding.stream(topic="other"))
                await reading(feeding, is_open=False)
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1, 2))
                await settle()
                assert feeding.consumer._wanted_partitions() == {other}

        run(scenario)

    def test_queue_of_many_partitions_is_asked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And does not count its slices for that: thousands of them may have one record each."""
        partitions = [TP("flights", number) for number in range(100)]
        calls = {"asked": 0, "counted": 0}

        def counting(name: str, function: Any) -> Any:
            def call(self: Any) -> Any:
                calls[name] += 1
                return function(self)

            return call

        monkeypatch.setattr(ChannelQueue, "is_crowded", property(counting("asked", ChannelQueue.is_crowded.fget)))
        monkeypatch.setattr(Slice, "__len__", counting("counted", Slice.__len__))

        async def scenario() -> None:
            async with fed(*partitions, max_in_flight=100) as feeding:
                loop = await looping(feeding, feeding.stream(), is_open=False)
                await feeding.join()
                for tp in partitions:
                    feeding.feed(0, tp=tp)
                feeding.feed(1, 2, tp=partitions[0])
                await settle()
                calls.update(asked=0, counted=0)
                wanted = feeding.consumer._wanted_partitions()
                assert (wanted, calls) == (set(), {"asked": 1, "counted": 1})
                (queue,) = {channel.queue for tp in partitions for channel in feeding.app.topics._tp_index[tp]}
                feeding.consumer._on_room(queue)
                assert (wanted, calls) == (set(), {"asked": 2, "counted": 2})
                for _ in range(3):
                    await loop.one_more()
                assert wanted == set(partitions)
                calls.update(asked=0, counted=0)
                feeding.consumer._crowded = set(partitions)
                feeding.consumer._on_room(queue)
                assert (feeding.consumer._crowded, calls) == (set(), {"asked": 2, "counted": 2})

        run(scenario)

    def test_one_that_was_paused_meanwhile_is_not_read(self) -> None:
        async def scenario() -> None:
            async with fed(max_in_flight=2) as feeding:
                loop = await reading(feeding, is_open=False)
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1, 2))
                wanted = feeding.consumer._wanted_partitions()
                feeding.consumer.pause_partitions({FLIGHTS})
                loop.go.set()
                await settle()
                assert wanted == set()

        run(scenario)

    def test_dropped_ones_make_room(self) -> None:
        async def scenario() -> None:
            async with fed(max_in_flight=2) as feeding:
                await reading(feeding, is_open=False)
                await feeding.consumer._deliver_runs(fetched(feeding, 0, 1, 2))
                feeding.app.flow_control.clear()
                assert feeding.consumer._wanted_partitions() == {FLIGHTS}

        run(scenario)


class TestByHand:
    """Whoever takes events out of a channel without a stream."""

    def test_gets_events_and_acknowledges_them(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                channel = aiter(feeding.app.topic("flights", key_type=str))
                await feeding.index()
                feeding.feed(raw(0, "v", key=b"k"), raw(1, "w"))
                first, second = await anext(channel), await anext(channel)
                assert (first.key, first.value, second.value, first.message.offset) == ("k", "v", "w", 0)
                second.ack()
                assert feeding.committable() == 0
                first.ack()
                assert feeding.committable() == 2

        run(scenario)

    @pytest.mark.parametrize("kind", ["in turn", "held"])
    def test_message_that_is_acknowledged_at_the_consumer(self, kind: str) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream() if kind == "in turn" else feeding.stream().noack()
                loop = await looping(feeding, stream.events(), is_open=False)
                await feeding.join()
                feeding.feed(0, 1, 2)
                await settle()
                message = loop.got[0].message
                assert feeding.consumer.ack(message)
                assert not feeding.consumer.ack(message)
                assert (feeding.committable(), feeding.consumer.in_flight()) == (1, [])
                await loop.one_more()
                assert feeding.committable() == 1
                feeding.consumer.ack(loop.got[1].message)
                await loop.one_more()
                feeding.consumer.ack(loop.got[2].message)
                loop.go.set()
                await settle()
                assert await feeding.revoke_in_time()
                assert feeding.committed == {FLIGHTS: 3}

        run(scenario)

    def test_undecodable_one_is_raised_and_passed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                channel = aiter(feeding.app.topic("flights"))
                await feeding.index()
                feeding.feed(raw(0, b"{", is_json=False), 1)
                with pytest.raises(Exception, match="unexpected end"):
                    await anext(channel)
                event: Any = await anext(channel)
                event.ack()
                assert (event.value, feeding.committable()) == (1, 2)

        run(scenario)

"""What is committed: never what is not finished, never backwards, and nothing that was revoked."""

import asyncio
from typing import Any

import pytest
from faust.exceptions import ProducerSendError

from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, looping
from tests.unit.streams.reading.test_batches import reading


async def delivered(feeding: Feeding, *offsets: int, committed: int | None = None) -> None:
    """Have these delivered as the first after a seek to the committed offset, and finished."""
    if committed is not None:
        feeding.committed[FLIGHTS] = committed
    await reading(feeding)
    feeding.feed(*offsets)
    await settle()


class TestFirstCommit:
    def test_it_comes_after_one_interval(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                consumer: Any = feeding.consumer
                told: list[str] = []

                async def sleep(seconds: float) -> None:
                    told.append("slept")

                async def commit() -> None:
                    told.append("committed")
                    consumer._stopped.set()

                consumer.sleep, consumer.commit = sleep, commit
                await consumer._commit_handler.fun(consumer)
                assert told == ["slept", "committed"]

        run(scenario)

    def test_nothing_was_ever_committed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 5, 6)
                assert feeding.consumer.uncommitted() == 2
                await feeding.consumer.commit()
                assert (feeding.committed, feeding.consumer.uncommitted()) == ({FLIGHTS: 7}, 0)

        run(scenario)

    def test_nothing_is_finished(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await reading(feeding, is_open=False)
                feeding.feed(5, 6)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {}

        run(scenario)

    def test_committed_offset_is_not_in_the_log_any_more(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 0, 1, committed=100)
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 2}

        run(scenario)

    def test_records_behind_the_committed_offset_are_gone(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 105, 106, committed=100)
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 107}

        run(scenario)

    def test_position_that_a_user_has_set_back(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                feeding.committed[FLIGHTS] = 100
                await reading(feeding)
                await feeding.consumer.seek(FLIGHTS, 5)
                feeding.feed(5, 6)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 100}
                feeding.feed(*range(7, 102))
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 102}

        run(scenario)

    def test_position_that_a_user_has_set_back_in_the_middle(self) -> None:
        """What was delivered before it does not hold up what comes again, nor what comes then the commit."""

        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, *range(10))
                await feeding.consumer.commit()
                await feeding.consumer.seek(FLIGHTS, 5)
                feeding.feed(*range(5, 12))
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 12}

        run(scenario)

    def test_position_that_a_user_has_set_forward(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 0, 1)
                await feeding.consumer.seek(FLIGHTS, 50)
                feeding.feed(50, 51)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 52}

        run(scenario)


class TestForgetting:
    def test_what_is_finished_after_the_revoke_is_not_committed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding, is_open=False)
                feeding.feed(0, 1)
                await settle()
                feeding.consumer.ledger.forget(FLIGHTS)
                feeding.app.flow_control.clear()
                loop.go.set()
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {}

        run(scenario)

    def test_revoke_forgets(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 0, 1)
                assert await feeding.revoke_in_time()
                assert feeding.committed == {FLIGHTS: 2}
                assert feeding.consumer.ledger.partitions() == []

        run(scenario)

    def test_seek_to_the_committed_offsets_forgets(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await reading(feeding, is_open=False)
                feeding.feed(0, 1)
                await settle()
                await feeding.consumer.perform_seek()
                assert feeding.committable() is None

        run(scenario)


class TestCommits:
    def test_tables_hand_over_before_the_producer_is_flushed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                order: list[str] = []

                def noted(name: str) -> Any:
                    async def note() -> None:
                        order.append(f"{name} at {feeding.committed.get(FLIGHTS)}")

                    return note

                feeding.app.tables.flush = noted("tables")
                feeding.app._producer.flush = noted("producer")
                await delivered(feeding, 0, 1)
                await feeding.consumer.commit()
                assert order == ["tables at None", "producer at None"]
                assert feeding.committed == {FLIGHTS: 2}

        run(scenario)

    def test_topic_without_acks_is_not_committed(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(acks=False))
                await feeding.join()
                feeding.feed(0, 1)
                await settle()
                await feeding.consumer.commit()
                assert (loop.got, feeding.committed) == ([0, 1], {})

        run(scenario)

    def test_after_so_many_records(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                feeding.consumer._commit_every = 3
                await delivered(feeding, 0, 1)
                assert feeding.committed == {}
                feeding.feed(2, 3)
                await settle()
                assert feeding.committed == {FLIGHTS: 4}
                feeding.feed(4, 5, 6)
                await settle()
                # Not so soon again.
                assert feeding.committed == {FLIGHTS: 4}

        run(scenario)

    def test_only_what_was_asked_for(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await delivered(feeding, 0)
                await feeding.consumer.commit({"other"})
                assert feeding.committed == {}
                await feeding.consumer.commit({"flights"})
                assert feeding.committed == {FLIGHTS: 1}

        run(scenario)


class TestWhatIsBeingDone:
    def test_progress(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding, is_open=False)
                feeding.feed(0, 1)
                await settle()
                assert feeding.consumer.has_progressed()
                assert not feeding.consumer.has_progressed()
                await loop.one_more()
                assert feeding.consumer.has_progressed()

        run(scenario)

    @pytest.mark.parametrize("is_open", [True, False])
    def test_waits_until_nobody_is_at_a_record(self, is_open: bool) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await reading(feeding, is_open=is_open)
                feeding.feed(0)
                await settle()
                waiting = asyncio.ensure_future(feeding.consumer.wait_empty())
                await settle()
                assert waiting.done() is is_open
                loop.go.set()
                await asyncio.wait_for(waiting, 0.5)
                assert feeding.committed == {FLIGHTS: 1}

        run(scenario)

    @pytest.mark.parametrize("is_waited_for", [True, False])
    def test_rebalance_waits_for_what_is_in_hand_unless_told_not_to(self, is_waited_for: bool) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                feeding.app.conf.stream_wait_empty = is_waited_for
                loop = await reading(feeding, is_open=False)
                feeding.feed(0, 1)
                await settle()
                await loop.one_more()
                revoking = asyncio.ensure_future(feeding.consumer.on_partitions_revoked({FLIGHTS}))
                await settle()
                assert revoking.done() is not is_waited_for
                assert feeding.committed == {FLIGHTS: 1}
                loop.go.set()
                await asyncio.wait_for(revoking, 0.5)
                await settle()
                await feeding.consumer.commit()
                assert feeding.committed == {FLIGHTS: 2 if is_waited_for else 1}
                await feeding.join(feeding.committed[FLIGHTS])
                feeding.feed(*range(feeding.committed[FLIGHTS], 3))
                await settle()
                assert loop.got == ([0, 1, 2] if is_waited_for else [0, 1, 1, 2])

        run(scenario)


@pytest.mark.parametrize("fails", [False, True])
def test_changes_of_tables_that_belong_to_no_record_are_sent_at_a_revoke(fails: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            await reading(feeding)
            flushed: list[set[Any]] = []

            async def flush() -> None:
                flushed.append(feeding.consumer.assignment())
                if fails:
                    raise ProducerSendError("lost")

            feeding.app.tables.flush = flush
            await asyncio.wait_for(feeding.consumer.on_partitions_revoked({FLIGHTS}), 0.5)
            assert flushed == [{FLIGHTS}]

    run(scenario)

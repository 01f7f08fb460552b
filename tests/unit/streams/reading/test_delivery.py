"""No record is delivered twice or lost around a rebalance, and no commit passes one that is not finished."""

import asyncio

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from tests.unit.streams.fakes import CHANGELOG, FLIGHTS, FakeKafka, Worker, run, settle

DELAYS = TP("delays", 0)


class TestReading:
    def test_records_are_delivered_in_order_and_once(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(50)))
            await worker.start(FLIGHTS)
            await settle(400)
            assert worker.app.offsets() == list(range(50))
            await worker.kill()

        run(scenario)

    def test_it_begins_at_the_committed_offset(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(8))
            kafka.committed[FLIGHTS] = 5
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            assert worker.app.offsets() == [5, 6, 7]
            await worker.kill()

        run(scenario)

    def test_flow_that_stops_in_the_middle_of_a_batch(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(4)))
            worker.client.batch = 4
            worker.app.room.clear()
            await worker.start(FLIGHTS)  # record 0 is on its way to a full queue
            worker.stop_reading()
            await settle()
            worker.app.room.set()
            worker.client.batch = None
            worker.resume_flow()
            await settle(200)
            assert worker.app.offsets() == [0, 1, 2, 3]
            await worker.kill()

        run(scenario)

    def test_flow_that_stops_between_fetch_and_delivery(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(4)))
            worker.thread.handing_over.clear()
            await worker.start(FLIGHTS)
            worker.stop_reading()
            worker.thread.handing_over.set()
            await settle()
            assert worker.app.offsets() == []
            worker.resume_flow()
            await settle(200)
            assert worker.app.offsets() == [0, 1, 2, 3]
            await worker.kill()

        run(scenario)

    @pytest.mark.parametrize("offset", [0, 2, 6])
    def test_seek_between_fetch_and_delivery(self, offset: int) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(8)))
            worker.client.batch = 4
            worker.thread.handing_over.clear()
            await worker.start(FLIGHTS)
            await worker.seek(FLIGHTS, offset)
            worker.client.batch = None
            worker.thread.handing_over.set()
            await settle(200)
            assert worker.app.offsets() == list(range(offset, 8))
            await worker.kill()

        run(scenario)

    def test_seek_in_the_middle_of_a_batch(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(8)))
            await worker.start()
            worker.app.room.clear()
            await worker.assign(FLIGHTS)
            await worker.perform_seek()
            worker.resume()
            await settle()
            await worker.seek(FLIGHTS, 6)
            worker.app.room.set()
            await settle(200)
            assert worker.app.offsets() == [0, 6, 7]
            await worker.kill()

        run(scenario)

    def test_partition_that_is_paused_between_fetch_and_delivery(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(4), delays=range(4)))
            worker.thread.handing_over.clear()
            await worker.start(FLIGHTS, DELAYS)
            worker.pause_partitions({FLIGHTS})
            worker.thread.handing_over.set()
            await settle(200)
            assert (worker.app.offsets(FLIGHTS), worker.app.offsets(DELAYS)) == ([], [0, 1, 2, 3])
            worker.resume_partitions({FLIGHTS})
            await asyncio.sleep(0.05)  # the fake looks again every millisecond
            assert worker.app.offsets(FLIGHTS) == [0, 1, 2, 3]
            await worker.kill()

        run(scenario)

    def test_partition_that_is_paused_in_the_middle_of_a_batch(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(4), delays=range(4)))
            worker.app.room.clear()
            await worker.start(FLIGHTS, DELAYS)
            worker.pause_partitions({FLIGHTS})
            worker.app.room.set()
            await settle(200)
            before = worker.app.offsets(FLIGHTS)
            assert len(before) <= 1
            worker.resume_partitions({FLIGHTS})
            await asyncio.sleep(0.05)
            assert worker.app.offsets(FLIGHTS) == worker.app.offsets(DELAYS) == [0, 1, 2, 3]
            await worker.kill()

        run(scenario)

    def test_partition_whose_buffer_is_full_gets_the_rest_of_its_batch_and_no_more(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(8)))
            worker.client.batch = 4
            worker.thread.handing_over.clear()
            await worker.start(FLIGHTS)
            worker.on_buffer_full(FLIGHTS)
            worker.thread.handing_over.set()
            worker.client.batch = None
            await settle(200)
            assert worker.app.offsets() == [0, 1, 2, 3]
            await worker.kill()

        run(scenario)

    def test_reading_goes_on_at_once_when_the_buffer_has_room_again(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(8)))
            worker.client.batch = 4
            worker.thread.handing_over.clear()
            await worker.start(FLIGHTS)
            worker.on_buffer_full(FLIGHTS)
            worker.thread.handing_over.set()
            worker.client.batch = None
            await settle(200)
            worker.on_buffer_drop(FLIGHTS)
            await settle(200)
            assert worker.app.offsets() == list(range(8))
            await worker.kill()

        run(scenario)


class TestPositions:
    def test_nothing_is_delivered_before_the_positions_are_set(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(8))
            kafka.committed[FLIGHTS] = 3
            worker = Worker(kafka)
            worker.read()
            await worker.assign(FLIGHTS)
            worker.resume()
            await settle(200)
            assert worker.app.offsets() == []
            await worker.perform_seek()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets() == [3, 4, 5, 6, 7]
            await worker.kill()

        run(scenario)

    def test_batch_that_was_read_between_the_positions_and_the_flow_is_read_again(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(8))
            kafka.committed[FLIGHTS] = 3
            worker = Worker(kafka)
            worker.read()
            await worker.assign(FLIGHTS)
            worker.resume()
            await worker.perform_seek()
            await settle(200)
            assert worker.app.offsets() == []
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets() == [3, 4, 5, 6, 7]
            await worker.kill()

        run(scenario)

    def test_changelog_is_delivered_before_and_stays_where_recovery_put_it(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(**{CHANGELOG.topic: range(4), "flights": range(4)}))
            worker.read()
            await worker.assign(FLIGHTS, CHANGELOG)
            await worker.seek_wait({CHANGELOG: 2})
            worker.resume_partitions({CHANGELOG})
            worker.resume_flow()
            await settle(200)
            assert worker.app.offsets(CHANGELOG) == [2, 3]
            await worker.perform_seek()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets(CHANGELOG) == [2, 3]
            await worker.kill()

        run(scenario)

    def test_first_record_from_there_is_read_again_when_the_flow_has_stopped_before_it_was_delivered(self) -> None:
        """Faust takes the record at the position for one that was."""

        async def scenario() -> None:
            worker = Worker(FakeKafka(**{CHANGELOG.topic: range(4), "flights": range(1)}))
            worker.read()
            await worker.assign(FLIGHTS, CHANGELOG)
            await worker.seek_wait({CHANGELOG: 2})
            worker.app.room.clear()
            worker.resume_partitions({CHANGELOG})
            worker.resume_flow()
            await settle(200)
            worker.stop_reading()
            await settle(200)
            worker.app.room.set()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets(CHANGELOG) == [2, 3]
            await worker.kill()

        run(scenario)

    @pytest.mark.parametrize("committed", [None, 2])
    def test_batch_that_was_read_before_and_arrives_after(self, committed: int | None) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(6))
            if committed is not None:
                kafka.committed[FLIGHTS] = committed
            worker = Worker(kafka)
            worker.thread.handing_over.clear()
            worker.read()
            await worker.assign(FLIGHTS)
            worker.resume()
            await settle()
            assert worker.client.positions[FLIGHTS] == 6
            await worker.perform_seek()
            worker.resume_flow()
            worker.thread.handing_over.set()
            await settle(200)
            assert worker.app.offsets() == list(range(committed or 0, 6))
            await worker.kill()

        run(scenario)

    def test_what_was_read_and_thrown_away_without_any_committed_offset_is_read_again(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(6)))
            worker.read()
            await worker.assign(FLIGHTS)
            worker.client.batch = 4
            worker.resume()
            await settle()
            worker.client.batch = None
            await worker.perform_seek()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets() == list(range(6))
            await worker.kill()

        run(scenario)

    def test_rebalance_while_the_positions_are_set(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(6))
            worker = Worker(kafka)
            worker.read()
            await worker.assign(FLIGHTS)
            worker.client.answering.clear()
            seeking = asyncio.ensure_future(worker.perform_seek())
            await settle()
            await worker.revoke()
            kafka.committed[FLIGHTS] = 4  # by whoever had it in between
            await worker.assign(FLIGHTS)
            worker.client.answering.set()
            with pytest.raises(IllegalStateError, match="rebalanced while seeking"):
                await seeking
            worker.resume()
            await settle(200)
            assert worker.app.offsets() == []
            await worker.perform_seek()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.app.offsets() == [4, 5]
            await worker.kill()

        run(scenario)

    def test_rebalance_takes_a_partition_away_while_its_batch_waits_for_the_positions(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(6), delays=range(6)))
            worker.thread.handing_over.clear()
            worker.read()
            await worker.assign(FLIGHTS, DELAYS)
            worker.resume()
            await settle()
            worker.client.answering.clear()
            seeking = asyncio.ensure_future(worker.perform_seek())
            await settle()
            worker.thread.handing_over.set()
            await settle()
            await worker.revoke()
            await worker.assign(DELAYS)
            worker.client.answering.set()
            with pytest.raises(IllegalStateError):
                await seeking
            worker.resume()
            await worker.perform_seek()
            worker.resume_flow()
            await asyncio.sleep(0.05)
            assert worker.is_reading
            assert (worker.app.offsets(FLIGHTS), worker.app.offsets(DELAYS)) == ([], list(range(6)))
            await worker.kill()

        run(scenario)

    def test_flow_is_not_resumed_during_a_rebalance(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(6)))
            await worker.start(FLIGHTS)
            await worker.revoke()
            worker.resume_flow()
            assert not worker.flow_active
            assert not worker.can_resume_flow.is_set()
            await worker.assign(FLIGHTS)
            worker.resume_flow()
            assert worker.flow_active
            await worker.kill()

        run(scenario)

    def test_recovery_of_the_last_assignment_cannot_position_the_next(self) -> None:
        async def scenario() -> None:
            worker = Worker(FakeKafka(flights=range(6)))
            worker.read()
            await worker.assign(FLIGHTS)
            await worker.revoke()
            await worker.perform_seek()
            await worker.assign(FLIGHTS)
            worker.resume()
            await settle(200)
            assert worker.app.offsets() == []
            await worker.kill()

        run(scenario)


class TestCommits:
    def test_only_what_is_finished(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(4))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.begin()
            worker.finish(0, 2)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 1
            worker.finish(1)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 3
            await worker.kill()

        run(scenario)

    def test_before_the_first_commit_records_that_finish_early_commit_nothing(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(3, 8))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.begin()
            worker.finish(5, 7, 4)
            await worker.commit()
            assert kafka.committed == {}
            worker.finish(3)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 6
            await worker.kill()

        run(scenario)

    @pytest.mark.parametrize("first", [6, 9], ids=["one offset", "four offsets"])
    def test_gap_right_behind_the_committed_offset(self, first: int) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(first, first + 2))
            kafka.committed[FLIGHTS] = 5
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(first)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == first + 1
            await worker.kill()

        run(scenario)

    def test_gap_that_begins_where_the_last_commit_ended(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(3))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0, 1, 2)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 3
            kafka.offsets[FLIGHTS] += [4, 5]  # 3 is the end of a transaction
            await asyncio.sleep(0.05)
            worker.process(4, 5)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 6
            await worker.kill()

        run(scenario)

    def test_gap_in_the_middle(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=[0, 1, 5, 6])
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.begin()
            worker.finish(0)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 1
            worker.finish(1, 6)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 5  # 5 is in process
            worker.finish(5)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 7
            await worker.kill()

        run(scenario)

    def test_gap_before_the_first_record_that_is_there(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=[7, 8])
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(7)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 8
            await worker.kill()

        run(scenario)

    def test_revoke_commits_what_is_finished_and_drops_what_is_not_begun(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(6))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0, 1, 2)
            await worker.revoke()
            assert kafka.committed[FLIGHTS] == 3
            await worker.assign(FLIGHTS)
            await worker.perform_seek()
            worker.resume()
            await asyncio.sleep(0.05)
            assert worker.app.offsets() == [0, 1, 2, 3, 4, 5, 3, 4, 5]
            await worker.kill()

        run(scenario)

    def test_last_commit_waits_for_the_one_under_way_and_then_commits_itself(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(4))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0)
            worker.client.answering.clear()
            under_way = asyncio.ensure_future(worker.commit())
            await settle()
            worker.process(1, 2)
            last = asyncio.ensure_future(worker.commit_and_end_transactions())
            await settle()
            assert kafka.committed == {}
            assert not last.done()
            worker.client.answering.set()
            await asyncio.gather(under_way, last)
            assert kafka.committed[FLIGHTS] == 3
            await worker.kill()

        run(scenario)

    def test_somebody_who_gives_up_waiting_for_a_commit_disturbs_nobody(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(4))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0)
            worker.client.answering.clear()
            under_way = asyncio.ensure_future(worker.commit())
            await settle()
            impatient = asyncio.ensure_future(worker.maybe_wait_for_commit_to_finish())
            await settle()
            impatient.cancel()
            await asyncio.wait([impatient])
            assert not worker._commit_fut.done()  # or `commit_and_end_transactions` spins on it for ever
            worker.client.answering.set()
            await asyncio.wait_for(asyncio.gather(under_way, worker.commit_and_end_transactions()), 1.0)
            await worker.kill()

        run(scenario)

    def test_nothing_new_is_no_commit(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(2))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0, 1)
            await worker.commit()
            flushes = worker.app.flushes
            await worker.commit()
            assert worker.app.flushes == flushes
            await worker.kill()

        run(scenario)

    def test_commit_that_was_given_up_is_made_up_for_by_the_next(self) -> None:
        async def scenario() -> None:
            kafka = FakeKafka(flights=range(4))
            worker = Worker(kafka)
            await worker.start(FLIGHTS)
            worker.process(0, 1)
            worker.app.flushing.clear()
            given_up = asyncio.ensure_future(worker.commit())
            await settle()
            given_up.cancel()
            await asyncio.wait([given_up])
            worker.app.flushing.set()
            worker.process(2)
            await worker.commit()
            assert kafka.committed[FLIGHTS] == 3
            await worker.kill()

        run(scenario)

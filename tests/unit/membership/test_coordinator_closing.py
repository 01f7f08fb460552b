"""How one member ends, and whether it gives its seat up; the client and the broker behind it are fakes."""

import asyncio

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

import framework.membership.coordinator_closing as module
from framework.errors import FencedError, MembershipBrokenError
from framework.membership.coordinator_requests import SeatLostError
from tests.unit.membership.fake_client import (
    COMMIT,
    HEARTBEAT,
    JOIN,
    LEAVE,
    SYNC,
    UUID,
    FakeClient,
    Member,
    member,
    run,
)

OFFSETS = {TopicPartition("a", 0): OffsetAndMetadata(7, "")}


async def commit(joined: Member) -> None:
    await joined.coordinator.commit_offsets(joined.subscription.subscription.assignment, OFFSETS)


class TestClose:
    def test_static_member_stays(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
            assert joined.client.requests(LEAVE) == []

        run(scenario)

    def test_it_leaves_when_told_to(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = True
                await joined.coordinator.close()
                await joined.coordinator.close()
            assert len(joined.client.requests(LEAVE)) == 1

        run(scenario)

    def test_member_that_never_joined_has_nothing_to_leave(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), topics=()) as idle:
                idle.coordinator.leave_on_close = True
            assert idle.client.sent == []

        run(scenario)

    @pytest.mark.parametrize("code", [14, 15, 16, 27])
    def test_leave_is_tried_again(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = True
                joined.client.codes[LEAVE] = [code, code]
            assert len(joined.client.requests(LEAVE)) == 3

        run(scenario)

    @pytest.mark.parametrize("code", [25, 82])
    def test_leave_of_a_seat_that_is_gone_is_done(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = True
                joined.client.codes[LEAVE] = [code] * 10
            assert len(joined.client.requests(LEAVE)) == 1

        run(scenario)

    def test_it_is_at_peace_although_a_task_died(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:

                async def broken() -> bool:
                    raise ValueError("a bug")

                joined.coordinator._do_heartbeat = broken
                await joined.until(lambda: joined.failures)
            assert [type(error) for error in joined.failures] == [MembershipBrokenError]

        run(scenario)

    @pytest.mark.parametrize("api", [JOIN, SYNC, HEARTBEAT, LEAVE])
    def test_it_is_bounded_whatever_hangs(self, api: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "CLOSE_WAIT", 0.05)
        monkeypatch.setattr(module, "LEAVE_WAIT", 0.05)

        async def scenario() -> None:
            client = FakeClient(a=1)
            client.hanging.add(api)
            async with member(client) as hanging:
                hanging.coordinator.leave_on_close = True
                if api == LEAVE:
                    await hanging.joined()
                else:
                    await hanging.until(lambda: client.requests(api))
                async with asyncio.timeout(1.0):
                    await hanging.coordinator.close()
                assert hanging.failures == []
                assert hanging.coordinator._coordination_task.done()

        run(scenario)


class TestLeaveDuringAJoin:
    """A broker that holds a join until the slowest member is there reads nothing more from that connection."""

    def test_it_is_done_and_known_to_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "CLOSE_WAIT", 0.05)

        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.hanging.add(JOIN)
                joined.client.codes[HEARTBEAT] = [27]
                await joined.until(lambda: len(joined.client.requests(JOIN)) == 2)
                joined.coordinator.leave_on_close = True
                await joined.coordinator.close()
                assert joined.coordinator.has_left
                assert joined.client.requests(LEAVE)[0].members == [(f"w-0-{UUID}", "w-0")]

        run(scenario)

    def test_first_join_has_no_name_to_leave_by(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "CLOSE_WAIT", 0.05)

        async def scenario() -> None:
            client = FakeClient(a=1)
            client.hanging.add(JOIN)
            async with member(client) as joining:
                await joining.until(lambda: client.requests(JOIN))
                joining.coordinator.leave_on_close = True
                await joining.coordinator.close()
                assert client.requests(LEAVE) == []
                assert not joining.coordinator.has_left

        run(scenario)


class TestLeaveThatTakesLong:
    @pytest.mark.parametrize(("instance_id", "is_ordered"), [("w-0", True), (None, True), (None, False)])
    def test_an_order_is_tried_for_longer(
        self, instance_id: str | None, is_ordered: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CLOSE_WAIT", 0.05)

        async def scenario() -> None:
            async with member(FakeClient(a=1), instance_id=instance_id, retry_backoff_ms=20) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = is_ordered
                joined.client.codes[LEAVE] = [15] * 10
                await joined.coordinator.close()
                assert joined.coordinator.has_left is is_ordered

        run(scenario)

    def test_an_order_has_its_bound_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LEAVE_WAIT", 0.05)

        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = True
                joined.client.hanging.add(LEAVE)
                await joined.coordinator.close()
                assert not joined.coordinator.has_left

        run(scenario)

    def test_order_that_comes_while_it_closes_is_obeyed(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                closing = asyncio.ensure_future(joined.coordinator.close())
                await asyncio.sleep(0)
                joined.coordinator.leave_on_close = True
                await closing
                assert joined.coordinator.has_left

        run(scenario)

    def test_member_that_is_forgotten_meanwhile_removes_nobody_else(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.on_leave = lambda: joined.coordinator.reset_generation("an answer to a late commit")
                joined.client.codes[LEAVE] = [14, 25]
                joined.coordinator.leave_on_close = True
                await joined.coordinator.close()
                assert [request.members for request in joined.client.requests(LEAVE)] == [[(f"w-0-{UUID}", "w-0")]] * 2
                assert joined.coordinator.has_left

        run(scenario)


class TestFenceDuringTheClose:
    """It comes too late to stop anything, but the next process must not take the seat back as its predecessor's."""

    def test_it_is_noted_and_not_told(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[LEAVE] = [82]
                joined.coordinator.leave_on_close = True
                await joined.coordinator.close()
                assert isinstance(joined.coordinator.failure, FencedError)
                assert not joined.coordinator.has_left
            assert joined.failures == []
            assert len(joined.client.requests(LEAVE)) == 1

        run(scenario)

    def test_nothing_is_sent_after_it(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator.leave_on_close = True
                joined.client.codes[COMMIT] = [82]
                closing = asyncio.ensure_future(joined.coordinator.close())
                with pytest.raises(SeatLostError):
                    await commit(joined)
                await closing
                assert joined.client.requests(LEAVE) == []
            assert joined.failures == []

        run(scenario)

    def test_other_failures_are_not(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[LEAVE] = [30]
                joined.coordinator.leave_on_close = True
                await joined.coordinator.close()
                assert joined.coordinator.failure is None
            assert joined.failures == []

        run(scenario)

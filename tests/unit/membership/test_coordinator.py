"""What one member does about each answer; the client and the broker behind it are fakes, the member is real."""

from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

import framework.membership.coordinator_closing as closing
from framework.errors import FencedError, GroupFailedError, GroupNotAllowedError, MembershipBrokenError
from framework.membership.coordinator import StaticGroupCoordinator
from framework.membership.coordinator_requests import SeatLostError
from framework.membership.protocol import StaticOffsetCommitRequest
from tests.unit.membership.fake_client import (
    COMMIT,
    FETCH,
    HEARTBEAT,
    JOIN,
    LEAVE,
    SYNC,
    UUID,
    VERSIONS,
    FakeClient,
    Member,
    member,
    run,
)

TP = TopicPartition("a", 0)
OFFSETS = {TP: OffsetAndMetadata(7, "")}
SEVERAL = 5


async def commit(joined: Member) -> None:
    await joined.coordinator.commit_offsets(joined.subscription.subscription.assignment, OFFSETS)


class TestRequests:
    def test_each_request_names_the_instance(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                await commit(joined)
                await joined.until(lambda: joined.client.requests(HEARTBEAT))
                joined.coordinator.leave_on_close = True
            for api in (JOIN, SYNC, HEARTBEAT, COMMIT):
                assert {request.group_instance_id for request in joined.client.requests(api)} == {"w-0"}, api
            assert joined.client.requests(LEAVE)[0].members == [(f"w-0-{UUID}", "w-0")]
            assert joined.failures == []

        run(scenario)

    def test_dynamic_member_names_none(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), instance_id=None) as joined:
                await joined.joined()
            assert {request.group_instance_id for request in joined.client.requests(JOIN)} == {None}
            assert joined.client.requests(LEAVE)[0].members == [(f"dynamic-{UUID}", None)]

        run(scenario)

    def test_member_id_that_the_broker_requires_is_sent_with_the_next_join(self) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.codes[JOIN] = [79]
            async with member(client) as joined:
                await joined.joined()
            assert len(client.requests(JOIN)) == 2

        run(scenario)


class TestFenced:
    def test_heartbeat_tells_once_and_never_joins_or_heartbeats_again(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[HEARTBEAT] = [82] * 100
                await joined.until(lambda: joined.failures)
                sent = list(joined.client.sent)
                await joined.turns()
                assert joined.client.sent == sent
                assert [type(error) for error in joined.failures] == [FencedError]
                assert joined.coordinator.failure is joined.failures[0]
                assert joined.failures[0].member_id == f"w-0-{UUID}"

        run(scenario)

    @pytest.mark.parametrize("code", [82, 111])
    def test_join_tells_once_and_gives_up(self, code: int) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.codes[JOIN] = [code] * 100
            async with member(client) as refused:
                await refused.until(lambda: refused.failures)
                await refused.turns()
                assert len(client.requests(JOIN)) == 1
                assert [type(error) for error in refused.failures] == [FencedError]

        run(scenario)

    @pytest.mark.parametrize("api", [SYNC, COMMIT, FETCH])
    def test_any_answer_may_tell_it(self, api: int) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            if api != COMMIT:
                client.codes[api] = [82]
            async with member(client) as fenced:
                if api == COMMIT:
                    await fenced.joined()
                    client.codes[api] = [82]
                    with pytest.raises(SeatLostError):
                        await commit(fenced)
                if api == FETCH:
                    await fenced.joined()
                    fenced.subscription.subscription.assignment.state_value(TP).fetch_committed()
                await fenced.until(lambda: fenced.failures)
                assert [type(error) for error in fenced.failures] == [FencedError]

        run(scenario)

    def test_it_sends_no_commit_any_more(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[HEARTBEAT] = [82] * 100
                await joined.until(lambda: joined.failures)
                with pytest.raises(SeatLostError):
                    await commit(joined)
                assert joined.client.requests(COMMIT) == []

        run(scenario)

    def test_closing_after_it_sends_nothing(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[HEARTBEAT] = [82] * 100
                await joined.until(lambda: joined.failures)
                sent = len(joined.client.sent)
            assert len(joined.client.sent) == sent
            assert len(joined.failures) == 1

        run(scenario)


class TestFailures:
    @pytest.mark.parametrize("api", [JOIN, SYNC, HEARTBEAT])
    @pytest.mark.parametrize(
        ("code", "kind"), [(30, GroupNotAllowedError), (35, GroupFailedError), (42, GroupFailedError)]
    )
    def test_answer_that_no_retry_can_mend_is_told_once(self, api: int, code: int, kind: type[Exception]) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.codes[api] = [code] * 100
            async with member(client) as failed:
                await failed.until(lambda: failed.failures)
                await failed.turns()
                assert [type(error) for error in failed.failures] == [kind]
                assert f"error {code} " in str(failed.failures[0])

        run(scenario)

    def test_error_that_aiokafka_would_park_is_told(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                parked = joined.coordinator._push_error_to_user(ValueError("a bug"))
                assert [type(error) for error in joined.failures] == [MembershipBrokenError]
                assert "ValueError('a bug')" in str(joined.failures[0])
                assert joined.coordinator._pending_exception is None
                parked.close()

        run(scenario)

    def test_assignor_that_raises_is_told(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), topics=()) as joined:

                def broken(*_: Any) -> None:
                    raise AssertionError("not co-partitioned")

                joined.assignor.assign = broken
                joined.subscription.subscribe({"a"})
                await joined.until(lambda: joined.failures)
                assert "not co-partitioned" in str(joined.failures[0])

        run(scenario)

    def test_coordination_that_ends_is_told(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.coordinator._coordination_task.cancel()
                await joined.until(lambda: joined.failures)
                assert "CancelledError" in str(joined.failures[0])

        run(scenario)

    def test_broker_that_is_too_old_is_named_as_such(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(VERSIONS, HEARTBEAT, (0, 2))

        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.until(lambda: joined.failures)
                assert "needs Apache Kafka 2.4 or newer" in str(joined.failures[0])

        run(scenario)

    @pytest.mark.parametrize("codes", [(3, 82), (82, 3), (14, 82), (0, 82)])
    def test_gravest_code_of_an_answer_decides(self, codes: tuple[int, int]) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            async with member(client) as joined:
                await joined.joined()
                answer = StaticOffsetCommitRequest("flights", 1, "m", "w-0", []).prepare(VERSIONS).RESPONSE_TYPE

                async def send(*_: Any, **__: Any) -> Any:
                    return answer(0, [("a", list(enumerate(codes)))])

                client.send = send
                with pytest.raises(SeatLostError):
                    await commit(joined)
                assert [type(error) for error in joined.failures] == [FencedError]

        run(scenario)


class TestRetries:
    @pytest.mark.parametrize("api", [JOIN, SYNC, HEARTBEAT])
    @pytest.mark.parametrize("code", [-1, 14, 15, 16, 22, 25, 27])
    def test_member_goes_on_after(self, api: int, code: int) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.codes[api] = [code]
            async with member(client) as joined:
                await joined.until(lambda: not client.codes[api])
                seen = len(client.requests(HEARTBEAT))
                await joined.until(lambda: len(client.requests(HEARTBEAT)) >= seen + SEVERAL)
                assert joined.failures == []
                assert joined.subscription.assigned_partitions() == {TP}

        run(scenario)

    @pytest.mark.parametrize(("code", "member_ids"), [(22, [f"w-0-{UUID}"]), (27, [f"w-0-{UUID}"]), (25, [""])])
    def test_only_a_forgotten_member_joins_without_its_id(self, code: int, member_ids: list[str]) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[HEARTBEAT] = [code]
                await joined.until(lambda: len(joined.client.requests(JOIN)) == 2)
                assert [request.member_id for request in joined.client.requests(JOIN)][1:] == member_ids

        run(scenario)

    @pytest.mark.parametrize("code", [15, 16])
    def test_coordinator_that_moved_is_looked_up_again(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[HEARTBEAT] = [code]
                await joined.until(lambda: joined.client.lookups == 2)
                assert len(joined.client.requests(JOIN)) == 1

        run(scenario)

    def test_retriable_error_of_a_task_starts_it_again(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                heartbeat = joined.coordinator._do_heartbeat
                broke: list[bool] = []

                async def breaks_once() -> bool:
                    if not broke:
                        broke.append(True)
                        raise GroupCoordinatorNotAvailableError
                    return await heartbeat()

                joined.coordinator._do_heartbeat = breaks_once
                await joined.until(lambda: len(joined.client.requests(HEARTBEAT)) >= SEVERAL)
                assert broke
                assert joined.failures == []
                assert len(joined.client.requests(JOIN)) == 1

        run(scenario)

    @pytest.mark.parametrize("code", [22, 25, 27])
    def test_commit_that_came_too_late_says_so(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[COMMIT] = [code]
                with pytest.raises(CommitFailedError, match="already rebalanced"):
                    await commit(joined)
                assert len(joined.client.requests(COMMIT)) == 1

        run(scenario)

    def test_commit_of_a_deleted_topic_is_not_tried_for_ever(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[COMMIT] = [3] * 100
                with pytest.raises(CommitFailedError, match="topic of this commit was deleted"):
                    await commit(joined)
                assert len(joined.client.requests(COMMIT)) == 1
                assert joined.failures == []

        run(scenario)

    def test_forgotten_member_does_not_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A group without members takes a commit that names no generation, and would be set back by it."""
        monkeypatch.setattr(closing, "CLOSE_WAIT", 0.05)

        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.hanging.add(JOIN)
                joined.client.codes[HEARTBEAT] = [25]
                await joined.until(lambda: not joined.coordinator.member_id)
                with pytest.raises(CommitFailedError, match="already rebalanced"):
                    await commit(joined)
                assert joined.client.requests(COMMIT) == []

        run(scenario)

    def test_offsets_of_a_deleted_topic_are_unknown(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[FETCH] = [3]
                assert await joined.coordinator.fetch_committed_offsets([TP]) == {}
                assert len(joined.client.requests(FETCH)) == 1

        run(scenario)

    @pytest.mark.parametrize("code", [-1, 14, 16, 88])
    def test_offsets_are_asked_for_again(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[FETCH] = [code, code]
                assert await joined.coordinator.fetch_committed_offsets([TP]) == {}
                assert len(joined.client.requests(FETCH)) == 3
                assert joined.failures == []

        run(scenario)

    @pytest.mark.parametrize("code", [-1, 7, 14, 15, 16])
    def test_commit_is_tried_again(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.codes[COMMIT] = [code, code]
                await commit(joined)
                assert len(joined.client.requests(COMMIT)) == 3

        run(scenario)


class TestIdle:
    def test_member_without_partitions_is_never_idle(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(), max_poll_interval_ms=20, topics=("unborn",)) as joined:
                await joined.joined()
                await joined.until(lambda: len(joined.client.requests(HEARTBEAT)) > 4 * SEVERAL)
                assert joined.subscription.assigned_partitions() == set()
                assert joined.subscription.fetcher_idle_time < 1.0
                assert len(joined.client.requests(JOIN)) == 1

        run(scenario)

    def test_member_that_finishes_records_is_not_idle(self) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.has_progressed = True
            async with member(client, max_poll_interval_ms=20) as joined:
                await joined.joined()
                await joined.until(lambda: len(client.requests(HEARTBEAT)) > 4 * SEVERAL)
                assert len(client.requests(JOIN)) == 1

        run(scenario)

    @pytest.mark.parametrize(("instance_id", "leaves"), [("w-0", 0), (None, 1)])
    def test_member_that_is_stuck_gives_its_partitions_up_and_joins_again(
        self, instance_id: str | None, leaves: int
    ) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), instance_id=instance_id, max_poll_interval_ms=40) as joined:
                await joined.until(lambda: len(joined.client.requests(JOIN)) == 2)
                assert [request.member_id for request in joined.client.requests(JOIN)] == ["", ""]
                assert len(joined.client.requests(LEAVE)) == leaves
                assert joined.failures == []

        run(scenario)

    def test_last_heartbeat_grows(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                first = joined.coordinator.last_heartbeat
                assert first is not None
                await joined.until(lambda: joined.coordinator.last_heartbeat > first)
                joined.client.codes[HEARTBEAT] = [14] * 10_000
                await joined.until(lambda: len(joined.client.codes[HEARTBEAT]) < 9_998)
                last = joined.coordinator.last_heartbeat
                await joined.turns()
                assert joined.coordinator.last_heartbeat == last

        run(scenario)


def test_the_word_of_a_rejoin_is_optional_because_aiokafka_gives_none() -> None:
    async def scenario() -> None:
        async with member(FakeClient(a=1)) as joined:
            await joined.joined()
            StaticGroupCoordinator.request_rejoin(joined.coordinator)
            StaticGroupCoordinator.reset_generation(joined.coordinator)
            await joined.until(lambda: len(joined.client.requests(JOIN)) == 2)

    run(scenario)


def test_rejoin_that_takes_longer_than_max_poll_interval_is_not_given_up() -> None:
    async def scenario() -> None:
        async with member(FakeClient(a=1), max_poll_interval_ms=30) as joined:
            await joined.joined()
            joined.client.codes[JOIN] = [14] * 60
            joined.client.codes[HEARTBEAT] = [27]
            await joined.until(lambda: joined.coordinator.generation == 2, within=1.0)

    run(scenario)

"""What one member does with the assignment that it is given, and before it joins anew; client and broker are fakes."""

import itertools

import pytest
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from framework.errors import FencedError
from framework.membership import coordinator_joining
from framework.membership.coordinator_joining import FORCED_REJOINS
from tests.unit.membership.fake_client import DESCRIBE, HEARTBEAT, JOIN, UUID, FakeClient, member, run

TP = TopicPartition("a", 0)


async def assignment_for(*topics: str, **partitions: int) -> bytes:
    """What a leader assigned some time ago, for these topics as they were then."""
    client = FakeClient(**partitions)
    async with member(client, topics=topics) as leader:
        await leader.joined()
    assert client.assignment
    return client.assignment


class TestStaleAssignment:
    @pytest.mark.parametrize(
        ("topics", "partitions"),
        [(("a",), {"a": 1}), (("a", "b", "c"), {"a": 1, "b": 1, "c": 1}), (("a", "b"), {"a": 1, "b": 0})],
        ids=["agent added", "agent removed", "partitions added"],
    )
    def test_static_member_that_returns_joins_again(self, topics: tuple[str, ...], partitions: dict[str, int]) -> None:
        async def scenario() -> None:
            client = FakeClient(a=2, b=1, c=1)
            client.leader_id, client.assignment = f"w-1-{UUID}", await assignment_for(*topics, **partitions)
            async with member(client, topics=("a", "b")) as returned:
                await returned.joined()
                first, second = client.requests(JOIN)
                assert first.group_protocols != second.group_protocols, (
                    "the broker would answer from what it has stored"
                )
                assert second.member_id == f"w-0-{UUID}"
                assert returned.subscription.assigned_partitions() == {
                    TP,
                    TopicPartition("a", 1),
                    TopicPartition("b", 0),
                }

        run(scenario)

    def test_it_takes_what_it_is_given_in_the_end(self) -> None:
        async def scenario() -> None:
            client = FakeClient(a=2, b=1)
            client.leader_id, client.assignment = f"w-1-{UUID}", await assignment_for("a", a=2)
            client.is_stubborn = True
            async with member(client, topics=("a", "b")) as returned:
                await returned.until(lambda: returned.subscription.assigned_partitions())
                assert len(client.requests(JOIN)) == FORCED_REJOINS + 1
                assert returned.failures == []

        run(scenario)

    def test_assignment_that_fits_is_taken(self) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.leader_id, client.assignment = f"w-1-{UUID}", await assignment_for("a", a=1)
            async with member(client) as returned:
                await returned.joined()
                await returned.turns()
                assert len(client.requests(JOIN)) == 1

        run(scenario)


class TestCreatedTopics:
    @pytest.mark.parametrize("asked", [1, 2, 4])
    def test_the_leader_asks_again_for_a_changelog_that_the_broker_does_not_know_yet(
        self, asked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coordinator_joining, "LOOK_EVERY", 0.001)

        async def scenario() -> None:
            client, times = FakeClient(a=2), itertools.count(1)
            client.on_metadata = lambda: client.create(**everywhere) if next(times) == asked else None
            async with member(client, topics=()) as leader:
                table = leader.assignor.app.GlobalTable("rates")
                everywhere.update({"a": 2, table.changelog_topic_name: 2})
                leader.subscription.subscribe(set(everywhere))
                await leader.joined()
                assert leader.subscription.assigned_partitions() >= {
                    TopicPartition(table.changelog_topic_name, number) for number in (0, 1)
                }
                assert len(client.requests(JOIN)) == 1
                assert next(times) == asked + 1

        everywhere: dict[str, int] = {}
        run(scenario)

    def test_it_does_without_in_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coordinator_joining, "LOOK_EVERY", 0.001)
        monkeypatch.setattr(coordinator_joining, "CHANGELOGS_WITHIN", 0.05)

        async def scenario() -> None:
            async with member(FakeClient(a=1), topics=()) as leader:
                table = leader.assignor.app.GlobalTable("rates")
                with capture_logs() as logs:
                    leader.subscription.subscribe({"a", table.changelog_topic_name})
                    await leader.joined()
                assert leader.subscription.assigned_partitions() == {TP}
                [said] = [each for each in logs if each["event"] == "membership.topics_missing"]
                assert said["topics"] == [table.changelog_topic_name]
                assert leader.failures == []

        run(scenario)


class TestFormerLeader:
    @pytest.mark.parametrize(
        ("leader_id", "joins"), [(f"w-0-{UUID[::-1]}", 1), (f"w-0-{UUID[:-1]}c", 2), (f"w-1-{UUID}", 1)]
    )
    def test_only_a_former_leader_watches_for_partitions(self, leader_id: str, joins: int) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            client.leader_id, client.assignment = leader_id, await assignment_for("a", a=1)
            async with member(client) as returned:
                await returned.joined()
                client.create(a=2)
                await returned.turns()
                assert min(len(client.requests(JOIN)), 2) == joins

        run(scenario)


class TestForgotten:
    """What a member does that the broker no longer knows, and whose seat somebody else may have taken meanwhile."""

    def test_it_does_not_take_the_seat_from_who_sits_there_now(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.holders = {"w-0": ("w-0-other", "w-0@elsewhere#2-0b")}
                joined.client.codes[HEARTBEAT] = [25]
                await joined.until(lambda: joined.failures)
                assert isinstance(joined.failures[0], FencedError)
                assert len(joined.client.requests(JOIN)) == 1

        run(scenario)

    def test_its_own_ghost_does_not_keep_it_out(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                joined.client.holders = {
                    "w-0": ("w-0-ghost", joined.client.client_id),
                    "w-1": ("w-1-other", "w-1@elsewhere#2-0b"),
                }
                joined.client.codes[HEARTBEAT] = [25]
                await joined.until(lambda: len(joined.client.requests(JOIN)) == 2)
                assert not joined.failures

        run(scenario)

    def test_it_knows_itself_by_its_member_id_whoever_sat_down_first(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), max_poll_interval_ms=40) as joined:
                await joined.joined()
                joined.client.holders = {"w-0": (f"w-0-{UUID}", "w-0@elsewhere#1-0a")}
                await joined.until(lambda: len(joined.client.requests(JOIN)) == 2 or joined.failures)
                assert not joined.failures
                assert joined.client.requests(JOIN)[1].member_id == f"w-0-{UUID}"

        run(scenario)

    def test_a_member_that_never_was_one_does_not_look(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                assert not joined.client.requests(DESCRIBE)

        run(scenario)

"""Which answers prove that the member is in its seat, and what ends one that cannot get its lease back."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import OffsetAndMetadata, TopicPartition

import framework.membership.coordinator_joining as joining
from framework.errors import MembershipBrokenError
from tests.unit.membership.fake_client import COMMIT, HEARTBEAT, JOIN, FakeClient, Member, member, run

OFFSETS = {TopicPartition("a", 0): OffsetAndMetadata(7, "")}
NEVER = 60_000


async def confirmed_by(joined: Member, api_key: int) -> list[float]:
    """The times that were told because of the next answers to one kind of request."""
    joined.listener.confirmed.clear()
    before = len(joined.client.requests(api_key))
    await joined.until(lambda: len(joined.client.requests(api_key)) > before + 1)
    return list(joined.listener.confirmed)


class TestConfirmed:
    def test_join_is_confirmed_with_the_time_of_its_sync(self) -> None:
        async def scenario() -> None:
            began = time.monotonic()
            async with member(FakeClient(a=1), heartbeat_interval_ms=NEVER) as joined:
                await joined.joined()
                [sent_at] = joined.listener.confirmed
                assert began <= sent_at <= time.monotonic()

        run(scenario)

    @pytest.mark.parametrize("code", [0, 22, 27], ids=["no error", "illegal generation", "rebalance in progress"])
    def test_heartbeat_of_a_member_that_was_not_replaced(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                hold_the_join(joined)
                joined.client.codes[HEARTBEAT] = [code] * 1000
                assert await confirmed_by(joined, HEARTBEAT)

        run(scenario)

    @pytest.mark.parametrize("code", [14, 15, 16, 25, 82], ids=str)
    def test_heartbeat_that_proves_nothing(self, code: int) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), heartbeat_interval_ms=50) as joined:
                await joined.joined()
                revoke = hold_the_join(joined)
                joined.listener.confirmed.clear()
                joined.client.codes[HEARTBEAT] = [code]
                await joined.until(lambda: not joined.client.codes[HEARTBEAT])
                await asyncio.sleep(0)
                assert joined.listener.confirmed == []
                revoke.done.set()

        run(scenario)

    def test_commit(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), heartbeat_interval_ms=NEVER) as joined:
                await joined.joined()
                joined.listener.confirmed.clear()
                await joined.coordinator.commit_offsets(joined.subscription.subscription.assignment, OFFSETS)
                assert len(joined.client.requests(COMMIT)) == len(joined.listener.confirmed) == 1

        run(scenario)

    def test_time_is_that_of_the_sending(self) -> None:
        async def scenario() -> None:
            client = FakeClient(a=1)
            async with member(client, heartbeat_interval_ms=NEVER) as joined:
                await joined.joined()
                joined.listener.confirmed.clear()
                send = client.send

                async def slow(*args: Any, **options: Any) -> Any:
                    await asyncio.sleep(0.05)
                    return await send(*args, **options)

                client.send = slow  # type: ignore[method-assign]
                began = time.monotonic()
                await joined.coordinator.commit_offsets(joined.subscription.subscription.assignment, OFFSETS)
                [sent_at] = joined.listener.confirmed
                assert began <= sent_at < began + 0.05

        run(scenario)


class Revoke(ConsumerRebalanceListener):  # type: ignore[misc]
    """An app whose records in hand are finished when `done` is set."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.done = asyncio.Event()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            self.has_begun.set()
            await self.done.wait()

    def on_partitions_assigned(self, assigned: Any) -> None:
        pass


def hold_the_join(joined: Member) -> Revoke:
    """Let the next join wait for records in hand."""
    revoke = Revoke()
    joined.subscription._listener = revoke
    return revoke


class TestForgotten:
    """The session has ended, and records in hand cannot be sent: the lease needs an answer that only a member gets."""

    @pytest.fixture(autouse=True)
    def look_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joining, "LOOK_EVERY", 0.001)

    def test_member_without_its_lease_ends(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                revoke = hold_the_join(joined)
                joined.client.codes[HEARTBEAT] = [25]
                await revoke.has_begun.wait()
                await joined.turns()
                assert joined.failures == []
                joined.listener.has_lease = False
                await joined.until(lambda: joined.failures)
                assert isinstance(joined.failures[0], MembershipBrokenError)
                assert "its lease is over" in str(joined.failures[0])
                revoke.done.set()
            assert len(joined.client.requests(JOIN)) == 1

        run(scenario)

    def test_member_that_the_broker_still_knows_waits(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1)) as joined:
                await joined.joined()
                revoke = hold_the_join(joined)
                joined.listener.has_lease = False
                joined.client.codes[HEARTBEAT] = [27] * 5
                await revoke.has_begun.wait()
                await joined.turns()
                assert joined.failures == []
                revoke.done.set()
                await joined.until(lambda: len(joined.joins) == 2)

        run(scenario)

    def test_first_join_needs_no_lease(self) -> None:
        async def scenario() -> None:
            async with member(FakeClient(a=1), topics=()) as joined:
                joined.listener.has_lease = False
                joined.subscription.subscribe({"a"})
                await joined.joined()
                assert joined.failures == []

        run(scenario)

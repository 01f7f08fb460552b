"""Looks at a group from outside and removes seats from it; decides nothing."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

from framework.errors import SeatLiveError, SeatNotFoundError
from framework.membership import offsets
from framework.membership.answers import error_codes, gravest_first
from framework.membership.asking import Asking, Refusal
from framework.membership.connection import Connection
from framework.membership.description import NOT_FOUND, group_of
from framework.membership.group import Group
from framework.membership.offsets import Lag, Partition
from framework.membership.protocol import FencedInstanceIdError, StaticDescribeGroupRequest, StaticLeaveGroupRequest

_UNKNOWN_MEMBER_ID = 25
_TOPIC_AUTHORIZATION_FAILED = 29


class GroupAdmin:
    """An observer of groups; an async context manager, or `start` and `close`.

    Connects once and remembers each group's coordinator, so that looking again costs one request.

    Args:
        connection: how to reach the brokers.
        patience: seconds to go on asking while the coordinator moves or a broker does not answer.

    Every method raises:
        BrokerUnavailableError: there was no answer for as long as patience lasts.
        GroupNotAllowedError: this user lacks a right on the group or on a topic; the message names it.
        GroupFailedError: the answer was an error that no retry can mend.
    """

    def __init__(self, connection: Connection, patience: float = 15.0) -> None:
        self._asking = Asking(connection, patience)

    async def start(self) -> Self:
        """Connect.

        Raises:
            NotAllowedError: the broker refused the credentials.
        """
        await self._asking.start()
        return self

    async def close(self) -> None:
        """Disconnect. Safe to call again."""
        await self._asking.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def describe(self, group_id: str) -> Group:
        """The group as its coordinator sees it (DescribeGroups v4); one that does not exist has the state Dead."""
        request = StaticDescribeGroupRequest(group_id)

        async def ask() -> Group:
            response = await self._asking.to_coordinator(group_id, request)
            _check(response, but=NOT_FOUND)
            return group_of(response.groups[0])

        return await self._asking.persist(group_id, ask)

    async def remove(self, group_id: str, group_instance_id: str, member_id: str | None = None) -> None:
        """Take a seat out of its group; the group rebalances at once (LeaveGroup v3, KIP-345).

        Args:
            group_id: the group.
            group_instance_id: the seat.
            member_id: of the member that is to go, as it was described; None for whoever holds the seat.

        Raises:
            SeatNotFoundError: nobody holds that seat.
            SeatLiveError: somebody else has sat down in it.
        """
        named = StaticLeaveGroupRequest.ANY_MEMBER if member_id is None else member_id
        request = StaticLeaveGroupRequest(group_id, named, group_instance_id)

        async def ask() -> int:
            response = await self._asking.to_coordinator(group_id, request)
            told = set(error_codes(response)) & {_UNKNOWN_MEMBER_ID, FencedInstanceIdError.errno}
            if not told:
                _check(response)
            return max(told, default=0)

        code = await self._asking.persist(group_id, ask)
        where = {"group_id": group_id, "group_instance_id": group_instance_id, "member_id": member_id}
        if code == _UNKNOWN_MEMBER_ID:
            raise SeatNotFoundError(f"Group {group_id!r} has no seat {group_instance_id!r}.", **where)
        if code:
            raise SeatLiveError(
                f"The seat {group_instance_id!r} of group {group_id!r} is not removed: another process has sat down in"
                " it since it was looked at. Look who that is with `framework group describe`, and try again if it"
                " should still go.",
                **where,
            )

    async def partition_counts(self, topics: Iterable[str]) -> Mapping[str, int]:
        """`{topic: number of partitions}`; topics that do not exist are missing, and are not created."""
        leaders = await self._asking.persist(None, lambda: self._leaders(topics))
        return Counter(partition.topic for partition in leaders)

    async def lag(self, group_id: str, topics: Iterable[str]) -> Mapping[Partition, Lag]:
        """`{partition: Lag}` of every partition of these topics; topics that do not exist are missing."""

        async def ask() -> Mapping[Partition, Lag]:
            leaders = await self._leaders(topics)
            committed, ends = await asyncio.gather(self._committed(group_id, leaders), self._ends(leaders))
            return {found: Lag(committed.get(found), ends.get(found)) for found in sorted(leaders)}

        return await self._asking.persist(group_id, ask)

    async def _leaders(self, topics: Iterable[str]) -> Mapping[Partition, int]:
        response = await self._asking.to_any(offsets.metadata_request(topics))
        if _TOPIC_AUTHORIZATION_FAILED in set(error_codes(response)):
            raise Refusal(_TOPIC_AUTHORIZATION_FAILED)
        return offsets.leaders_in(response)

    async def _committed(self, group_id: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        response = await self._asking.to_coordinator(group_id, offsets.committed_request(group_id, partitions))
        _check(response, but=NOT_FOUND)
        return offsets.committed_in(response)

    async def _ends(self, leaders: Mapping[Partition, int]) -> Mapping[Partition, int]:
        requests = offsets.ends_requests(leaders)
        answers = await asyncio.gather(*(self._asking.to_node(node, asked) for node, asked in requests.items()))
        return {partition: end for answer in answers for partition, end in offsets.ends_in(answer).items()}


def _check(response: Any, *, but: int = 0) -> None:
    codes = sorted({code for code in error_codes(response) if code not in (0, but)}, key=gravest_first)
    if codes:
        raise Refusal(codes[0])

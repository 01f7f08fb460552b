"""The standby group is one that ordinary tools understand: members, what they shadow, how far behind they are."""

import pytest

from framework.membership.admin import GroupAdmin
from framework.membership.connection import Connection
from framework.membership.offsets import Partition
from tests.support.shadows import Shadows, until

pytestmark = pytest.mark.broker


def test_group_is_described(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        totals = one.changelog("totals")
        await one.shadow.follow({totals: [0]})
        two = await shadows.start("s-1", follow={totals: [0, 1]})
        shadows.write(totals, [(f"k{n}", n) for n in range(30)], partition=0)
        await until(lambda: one.table("totals").data.keys() == two.table("totals").data.keys() != set())
        both = {"s-0": (0,), "s-1": (0, 1)}

        async def is_shown() -> bool:
            group = await shadows.group()
            return {m.group_instance_id: m.assignment.get(totals) for m in group.members} == both

        await until(is_shown)
        connection = Connection((shadows.bootstrap_servers,), {"security_protocol": "PLAINTEXT"}, "test")
        async with GroupAdmin(connection) as admin:

            async def is_committed() -> bool:
                lag = (await admin.lag(shadows.standby_group, [totals]))[Partition(totals, 0)]
                return (lag.committed, lag.end) == (30, 30)

            await until(is_committed)
        await two.shadow.stop(leave=True)

        async def has_left() -> bool:
            return (await shadows.group()).seats == {"s-0"}

        await until(has_left)
        await one.shadow.stop(leave=False)
        assert (await shadows.group()).seats == {"s-0"}

    shadows.run(scenario)


def test_app_without_seats_to_shadow_is_a_member(shadows: Shadows) -> None:
    async def scenario() -> None:
        one = await shadows.start("s-0", follow={})
        await until(lambda: one.told.joined)
        assert await one.shadow.catch_up(5.0)
        assert (await shadows.group()).seats == {"s-0"}

    shadows.run(scenario)

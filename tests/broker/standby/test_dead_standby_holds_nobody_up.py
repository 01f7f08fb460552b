"""While a standby is dead and its session goes on, another one's wish is served soon, and lags stay known."""

import asyncio

import pytest

from tests.support.shadows import Shadows, until

pytestmark = pytest.mark.broker

HEARTBEAT_MS = 200
SESSION_MS = 30_000


def test_wish_is_changed_beside_a_dead_member(shadows: Shadows) -> None:
    async def scenario() -> None:
        timing = {"heartbeat_interval_ms": HEARTBEAT_MS, "session_timeout_ms": SESSION_MS}
        one = await shadows.start("s-0", follow={}, **timing)
        totals = one.changelog("totals")
        await one.shadow.follow({totals: [0]})
        dead = await shadows.start("s-1", follow={totals: [0]}, **timing)
        await until(lambda: one.shadow.lags().get((totals, 0)) == dead.shadow.lags().get((totals, 0)) == 0)
        await dead.shadow.stop(leave=False)

        await one.shadow.follow({totals: [0, 1]})
        seen = []
        end = asyncio.get_running_loop().time() + 5.0
        while one.shadow.lags()[totals, 1] != 0:
            seen.append(one.shadow.lags()[totals, 0])
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.02)
        assert set(seen) == {0}

    shadows.run(scenario)

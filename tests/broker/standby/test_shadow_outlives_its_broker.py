"""A shadow starts before its broker does, and goes on where it was when the broker has been away."""

import asyncio
from pathlib import Path
from signal import SIGKILL

import pytest

from framework.localkafka import LocalKafka
from framework.localkafka.ports import free_ports
from framework.testing import require_kafka
from tests.support.shadows import Shadows, until
from tests.support.topics import create_topics

pytestmark = pytest.mark.broker


def test_broker_comes_late_and_is_away(tmp_path: Path) -> None:
    require_kafka()
    port = free_ports(1)[0]
    shadows = Shadows(f"127.0.0.1:{port}", "late", tmp_path)

    async def scenario() -> None:
        one = await shadows.start("s-0", follow={"late-totals-changelog": [0]})
        await asyncio.sleep(0.6)
        kafka = await asyncio.to_thread(LocalKafka.start, data=tmp_path / "kafka", port=port)
        try:
            topics = {f"late-{table}-changelog": 2 for table in ("totals", "rates")}
            create_topics(shadows.bootstrap_servers, {**topics, "late-roster": 2})
            totals = one.changelog("totals")
            shadows.write(totals, [("a", 1)])
            await until(lambda: one.shadow.lags().get((totals, 0)) == 0 and one.table("totals").data.get("a") == 1, 20)

            kafka.kill(1, SIGKILL)
            assert not await one.shadow.catch_up(0.5)
            assert one.shadow.problem == ""
            await asyncio.to_thread(kafka.restart, 1)
            shadows.write(totals, [("a", 2)])
            await until(lambda: one.table("totals").data.get("a") == 2, 30)
            assert one.told.failures == []
            await one.shadow.stop(leave=True)
        finally:
            await asyncio.to_thread(kafka.stop)

    shadows.run(scenario)

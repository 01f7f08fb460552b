"""A keeper whose broker is away neither delays its caller nor ends, and writes the newest entry when it is back."""

import time
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from structlog.testing import capture_logs

from framework.localkafka import LocalKafka
from framework.states import SeatState
from framework.testing import eventually, require_kafka
from tests.support.roster import Roster


def test_broker_is_killed_restarted_and_hangs(tmp_path: Path) -> None:
    require_kafka()
    with LocalKafka.start(data=tmp_path / "kafka") as kafka, capture_logs() as logs:
        roster = Roster(kafka.bootstrap_servers, "outlives")
        keeper = roster.keeper()
        eventually(lambda: roster.exists() and roster.entries())

        kafka.kill(1, SIGKILL)
        warning = eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])[0]
        assert "no broker answers" in warning["problem"]
        for state in (SeatState.RUNNING, SeatState.STOPPING):
            keeper.tell(state=state)
        kafka.restart(1)
        eventually(lambda: roster.entries()[-1].state is SeatState.STOPPING, within=20.0)
        assert SeatState.RUNNING not in {entry.state for entry in roster.entries()}

        kafka.kill(1, SIGSTOP)
        before = time.monotonic()
        late = roster.keeper()
        late.tell(state=SeatState.RUNNING)
        assert time.monotonic() - before < 0.5
        keeper.close(timeout=1.0, state=SeatState.STOPPED)
        assert 0.9 < time.monotonic() - before < 2.5
        kafka.kill(1, SIGCONT)
        roster.close()
    assert len([line for line in logs if line["event"] == "roster.unwritable"]) <= 2
    assert "roster.failed" not in {line["event"] for line in logs}

"""Every example and app starts, does its job, and stops on SIGTERM."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from framework.testing import Broker, eventually
from framework.testing_worker import WorkerFactory, WorkerProcess

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.broker


def flights(*arguments: str, broker: Broker) -> subprocess.CompletedProcess[str]:
    """Run a command of the flights app to its end."""
    return subprocess.run(
        [sys.executable, "-m", "apps.flights", *arguments],
        cwd=ROOT,
        env=environment(broker),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def environment(broker: Broker) -> Mapping[str, str]:
    """The least that a command needs; the user's cache folder is the real one, so that data is fetched once."""
    from os import environ

    kept = {name: value for name, value in environ.items() if not name.startswith("FRAMEWORK_")}
    return {**kept, "FRAMEWORK_BOOTSTRAP_SERVERS": broker.bootstrap_servers}


def start_example(worker: WorkerFactory, name: str, ordinal: int) -> WorkerProcess:
    """Start an example as its README says: in its own folder."""
    worker.root = EXAMPLES / name
    return worker(
        "app:app",
        command="run",
        environment={"FRAMEWORK_ORDINAL": str(ordinal), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def generations(process: WorkerProcess) -> list[str]:
    """The generations that a worker says it joined, in their order."""
    joined = [line for line in process.output().splitlines() if "membership.joined" in line]
    return [found[1] for line in joined if (found := re.search(r'"generation_id": (\d+)', line))]


def test_flights_ends_with_what_the_file_says(worker: WorkerFactory, kafka_broker: Broker) -> None:
    """Three workers, all flights of the first days and some malformed records: the totals are those of the file."""
    started = worker(
        "apps.flights:app",
        "--workers",
        "3",
        command="run",
        environment={"FRAMEWORK_SERVICE": "flights", "FRAMEWORK_ORDINAL": "0"},
    )
    eventually(lambda: started.output().count('"running"') >= 3, within=30.0)

    replayed = flights("replay", "--limit", "3000", "--malformed", "30", broker=kafka_broker)
    assert replayed.returncode == 0, replayed.stderr
    verified = flights("verify", "--limit", "3000", "--malformed", "30", "--wait", "60", broker=kafka_broker)
    assert verified.returncode == 0, verified.stdout + verified.stderr

    started.terminate()
    assert started.wait(within=30.0) == 0


def test_static_member_keeps_its_seat_over_a_restart(worker: WorkerFactory) -> None:
    """The restarted worker joins the generation it left, reads its partitions, and the other one sees nothing."""
    staying, leaving = (start_example(worker, "01_static_member", ordinal) for ordinal in (0, 1))
    eventually(lambda: "static-member-0 reads" in staying.output(), within=30.0)
    eventually(lambda: "static-member-1 reads" in leaving.output(), within=30.0)
    before = generations(staying)

    leaving.terminate()
    assert leaving.wait(within=30.0) == 0
    back = start_example(worker, "01_static_member", 1)
    eventually(lambda: "static-member-1 reads" in back.output(), within=30.0)

    assert generations(back) == before[-1:]
    assert generations(staying) == before
    for process in (staying, back):
        process.terminate()
        assert process.wait(within=30.0) == 0

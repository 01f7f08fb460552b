"""Every example and app starts, does its job, and stops on SIGTERM."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from framework.testing import Broker, eventually
from framework.testing_worker import WorkerFactory, WorkerProcess

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.broker


def flights(*arguments: str, broker: Broker) -> "subprocess.Popen[str]":
    """Begin a command of the flights app."""
    return subprocess.Popen(
        [sys.executable, "-m", "apps.flights", *arguments],
        cwd=ROOT,
        env=environment(broker),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end of such a command: its exit code, and what it has printed, for people at last."""
    out, errors = process.communicate(timeout=100)
    return process.returncode, out + errors


def environment(broker: Broker) -> Mapping[str, str]:
    """The least that a command needs; the user's cache folder is the real one, so that data is fetched once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")}
    return {**kept, "FRAMEWORK_BOOTSTRAP_SERVERS": broker.bootstrap_servers}


def running(process: WorkerProcess) -> list[int]:
    """Process ids of the workers that a supervisor has started and that work now, by what they and it have logged."""
    found: list[int] = []
    for line in process.output().splitlines():
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("state") == "running":
            found.append(told["pid"])
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def start_example(worker: WorkerFactory, name: str, ordinal: int = 0, **environment: str) -> WorkerProcess:
    """Start an example as its README says: in its own folder."""
    worker.root = EXAMPLES / name
    given = environment or {"FRAMEWORK_ORDINAL": str(ordinal)}
    return worker(
        "app:app", command="run", environment={**given, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    )


def command(name: str, *arguments: str, broker: Broker) -> subprocess.CompletedProcess[str]:
    """Run a command of the framework in the folder of an example."""
    return subprocess.run(
        [sys.executable, "-m", "framework", *arguments],
        cwd=EXAMPLES / name,
        env={**environment(broker), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def generations(process: WorkerProcess) -> list[str]:
    """The generations that a worker says it joined, in their order."""
    joined = [line for line in process.output().splitlines() if "membership.joined" in line]
    return [found[1] for line in joined if (found := re.search(r'"generation_id": (\d+)', line))]


def test_flights_ends_with_what_the_file_says(worker: WorkerFactory, kafka_broker: Broker) -> None:
    """Three workers, the flights of the first days and some malformed records: the totals are those of the file.

    So are they when further flights come while each worker is killed.
    """
    started = worker(
        "apps.flights:app",
        "--workers",
        "3",
        command="run",
        environment={"FRAMEWORK_SERVICE": "flights", "FRAMEWORK_ORDINAL": "0"},
    )
    eventually(lambda: started.output().count('"running"') >= 3, within=30.0)

    first = ("--limit", "3000", "--malformed", "30")
    code, said = ended(flights("replay", *first, broker=kafka_broker))
    assert code == 0, said
    code, said = ended(flights("verify", *first, "--wait", "60", broker=kafka_broker))
    assert code == 0, said

    more = flights("replay", "--skip", "3000", "--limit", "9000", "--rate", "600", broker=kafka_broker)
    for pid in running(started):
        os.kill(pid, signal.SIGKILL)
        eventually(lambda gone=pid: gone not in running(started) and len(running(started)) == 3, within=30.0)
    assert more.poll() is None, "the kills came too late to disturb anything"
    code, said = ended(more)
    assert code == 0, said

    def differs() -> Any:
        """Outputs are at least once, so an alert may be there twice; each flight is counted exactly once."""
        verified = flights("verify", "--limit", "9000", "--malformed", "30", "--json", broker=kafka_broker)
        report = json.loads(ended(verified)[1])
        return [found for found in (report["differences"], report["lost"], report["flights"]["duplicated"]) if found]

    eventually(lambda: not differs(), within=60.0, every=1.0)
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


def test_leave_or_stay(worker: WorkerFactory, kafka_broker: Broker) -> None:
    """A worker that is stopped stays; one that is told to leave, or scaled away, leaves, and the others go on."""
    name = "02_leave_or_stay"

    def seats() -> dict[str, str]:
        found = command(name, "group", "describe", "app:app", "--json", broker=kafka_broker)
        return {seat["group_instance_id"]: seat["state"] for seat in json.loads(found.stdout)["seats"]}

    processes = [start_example(worker, name, ordinal) for ordinal in range(3)]
    for ordinal, process in enumerate(processes):
        eventually(lambda p=process, n=ordinal: f"leave-or-stay-{n} reads" in p.output(), within=40.0)
    assert set(seats().values()) == {"running"}

    processes[2].terminate()
    assert processes[2].wait(within=30.0) == 0
    assert seats()["leave-or-stay-2"] == "stopped"

    back = start_example(worker, name, 2)
    eventually(lambda: "leave-or-stay-2 reads" in back.output(), within=30.0)
    left = command(name, "leave", "--pid", str(back.pid), "--wait", broker=kafka_broker)
    assert left.returncode == 0, left.stderr
    assert back.wait(within=10.0) == 0
    assert set(seats()) == {"leave-or-stay-0", "leave-or-stay-1"}

    scaled = command(name, "scale", "app:app", "--to", "1", broker=kafka_broker)
    assert scaled.returncode == 0, scaled.stderr
    assert processes[1].wait(within=10.0) == 0
    assert set(seats()) == {"leave-or-stay-0"}
    processes[0].terminate()
    assert processes[0].wait(within=30.0) == 0


def test_fenced_worker_waits_and_comes_back(worker: WorkerFactory) -> None:
    """The newer of two processes with one id works, the older one waits, and works again when the newer one stops."""
    name, one = "03_fenced", {"FRAMEWORK_INSTANCE_ID": "only-one"}
    older = start_example(worker, name, **one)
    eventually(lambda: " reads " in older.output(), within=30.0)
    newer = start_example(worker, name, **one)
    eventually(lambda: " reads " in newer.output() and "superseded" in older.output(), within=40.0)

    newer.terminate()
    assert newer.wait(within=30.0) == 0
    before = older.output().count(" reads ")
    eventually(lambda: older.output().count(" reads ") > before, within=30.0)
    older.terminate()
    assert older.wait(within=30.0) == 0


def test_spare_sits_down_and_hands_the_seat_back(worker: WorkerFactory, kafka_broker: Broker) -> None:
    """The spare takes the seat of a worker that was killed for good, and hands it back to the next one."""
    name = "04_hot_standby"
    first = start_example(worker, name, FRAMEWORK_ORDINAL="0")
    eventually(lambda: "the sum of partition" in first.output(), within=30.0)
    spare = start_example(worker, name, FRAMEWORK_ORDINAL="0", FRAMEWORK_ROLE="standby")

    def check() -> int:
        return command(name, "standby", "status", "app:app", "--check", broker=kafka_broker).returncode

    eventually(lambda: check() == 0, within=30.0)
    assert "the sum of partition" not in spare.output()

    first.kill()
    eventually(lambda: "promoted to sums-0 (takeover)" in spare.output(), within=20.0)
    eventually(lambda: "the sum of partition" in spare.output(), within=20.0)

    back = start_example(worker, name, FRAMEWORK_ORDINAL="0")
    eventually(lambda: "worker.shadow_holds_seat" in back.output(), within=30.0)
    handed = command(name, "standby", "handover", "app:app", "sums-0", broker=kafka_broker)
    assert handed.returncode == 0, handed.stderr
    eventually(lambda: "handed sums-0 over" in spare.output(), within=10.0)
    eventually(lambda: "the sum of partition" in back.output(), within=10.0)
    for process in (back, spare):
        process.terminate()
        assert process.wait(within=30.0) == 0

"""A `LocalKafka` ends with the process that started it, also when that is killed, but not with a mere thread."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from framework.testing import eventually, require_kafka
from tests.support.kafka_command import ROOT

PROGRAM = """
import sys, threading, time
from pathlib import Path
from framework.localkafka import LocalKafka
started = []
thread = threading.Thread(target=lambda: started.append(LocalKafka.start(data=Path(sys.argv[1]))))
thread.start()
thread.join()
print(started[0].nodes[0].pid, flush=True)
time.sleep(100)
"""


def is_java(pid: int) -> bool:
    try:
        return b"kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_broker_outlives_the_thread_but_not_the_process(tmp_path: Path) -> None:
    require_kafka()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert is_java(pid)
        program.send_signal(signal.SIGKILL)
    eventually(lambda: not is_java(pid))

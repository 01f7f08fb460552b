"""An instance id that breaks Kafka's rule is refused before anything connects to a broker (S04)."""

import socket
from pathlib import Path

import pytest

from framework import ExitCode
from tests.support.workers import WorkerProcess, clean_environment

ILLEGAL = ["", "two words", ".", "..", "a:b", "a=b", "x" * 250, "newline\n", "w\N{LATIN SMALL LETTER U WITH DIAERESIS}"]


@pytest.mark.parametrize("instance_id", ILLEGAL)
def test_illegal_instance_id_is_refused_before_any_connection(instance_id: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.setblocking(False)
        port = broker.getsockname()[1]
        worker = WorkerProcess(
            "refused",
            {
                **clean_environment(),
                "FRAMEWORK_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
                "FRAMEWORK_INSTANCE_ID": instance_id,
                "SCENARIO_GROUP": "refused",
                "SCENARIO_IN": "refused-in",
                "SCENARIO_OUT": "refused-out",
            },
            tmp_path,
        )
        try:
            ended = worker.wait(within=10.0)
        finally:
            worker.kill()

        assert ended.code in (ExitCode.SETTINGS, ExitCode.UNSTABLE_IDENTITY)
        assert "FRAMEWORK_INSTANCE_ID" in worker.log()
        assert "Traceback" not in worker.log()
        with pytest.raises(BlockingIOError):
            broker.accept()

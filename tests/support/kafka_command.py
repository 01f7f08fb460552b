"""`framework kafka ...` as a user types it, in a folder of the test."""

import os
import subprocess
import sys
from pathlib import Path

from framework.localkafka.ports import free_ports

ROOT = Path(__file__).parents[2]


class KafkaCommand:
    """Runs the command in `folder`, where its `.kafka` is; always with a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `framework kafka ARGUMENTS`, with `environment` on top of the tests' own."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        return subprocess.run(
            [sys.executable, "-m", "framework", "kafka", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def up(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `up` with the test's port."""
        return self("up", "--port", str(self.port), *arguments, **environment)

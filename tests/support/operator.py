"""The group commands as an operator types them, against one broker and one group."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a command line.

    Attributes:
        bootstrap_servers: in the environment of each command.
        group_id: named by `--group`.
    """

    bootstrap_servers: str
    group_id: str

    def __call__(self, *words: str, group: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `framework WORDS --group ID` to its end."""
        with self.start(*words, group=group) as process:
            out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, *words: str, group: str | None = None) -> subprocess.Popen[str]:
        """Run it and do not wait."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")}
        return subprocess.Popen(
            [sys.executable, "-m", "framework", *words, "--group", group or self.group_id],
            cwd=ROOT,
            env={**kept, "FRAMEWORK_BOOTSTRAP_SERVERS": self.bootstrap_servers, "COLUMNS": "200", "TERM": "dumb"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has it ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def document(self, *words: str) -> Any:
        """Run it with `--json` and read what it printed."""
        ended = self(*words, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

"""`apps.flights:app` is the app whatever was imported before, and the commands do without Faust."""

import subprocess
import sys

WAYS = [
    "import apps.flights; app = apps.flights.app",
    "from apps.flights import app",
    "from apps.flights.app import app",
    "import apps.flights.app; app = apps.flights.app",
    "from apps.flights.app import app as first; from apps.flights import app; assert app is first",
]

TRY_EACH = """
import os, sys
from framework import App
for way in sys.argv[1:]:
    # Each in a process that has Faust and nothing of the app loaded.
    if not (pid := os.fork()):
        found = {}
        exec(way, found)
        assert isinstance(found["app"], App), found["app"]
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, way
"""


def test_the_app_is_found_by_either_name() -> None:
    subprocess.run([sys.executable, "-c", TRY_EACH, *WAYS], check=True)


def test_the_commands_do_without_faust() -> None:
    check = "import sys, apps.flights.__main__; assert 'faust' not in sys.modules"

    subprocess.run([sys.executable, "-c", check], check=True)

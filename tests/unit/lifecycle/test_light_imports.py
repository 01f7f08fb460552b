"""What the commands and the supervisor import stays light: Faust takes most of a second and some forty megabytes."""

import subprocess
import sys

HEAVY = ("faust", "mode", "aiokafka", "kafka", "uvloop")


LIGHT = [
    "import framework",
    "import framework.__main__",
    "import framework.errors",
    "import framework.settings",
    "import framework.identity",
    "import framework.localkafka",
    "import framework.cli.main",
    "import framework.lifecycle.supervisor",
    "import framework.lifecycle.worker",
    "from framework import Settings",
    "from framework import FencedError",
    "from framework import ExitCode",
]


def loaded_after_each(*statements: str) -> list[set[str]]:
    """What is loaded after each of these, one after the other in one process of their own."""
    tell = "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    script = "\n".join(["import sys", *(f"{statement}\n{tell}" for statement in statements)])
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return [set(line.split()) for line in run.stdout.splitlines()]


def loaded_by(statement: str) -> set[str]:
    return loaded_after_each(statement)[0]


def test_what_does_without() -> None:
    for statement, loaded in zip(LIGHT, loaded_after_each(*LIGHT), strict=True):
        assert loaded.isdisjoint(HEAVY), statement


def test_the_app_does_not() -> None:
    assert {"faust", "aiokafka"} <= loaded_by("from framework import App")


def test_what_workers_are_forked_from_has_everything() -> None:
    loaded = loaded_by("import framework.lifecycle.preload")
    assert {"faust", "aiokafka", "uvloop", "aiohttp"} <= loaded


def test_main_starts_nothing_when_it_is_imported() -> None:
    assert "multiprocessing" not in loaded_by("import framework.__main__")

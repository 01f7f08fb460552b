"""What the commands and the supervisor import stays light: Faust takes most of a second and some forty megabytes."""

import subprocess
import sys

import pytest

HEAVY = ("faust", "mode", "aiokafka", "kafka", "uvloop")


def loaded_by(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "framework",
        "framework.__main__",
        "framework.errors",
        "framework.settings",
        "framework.identity",
        "framework.localkafka",
        "framework.cli.main",
        "framework.lifecycle.supervisor",
        "framework.lifecycle.worker",
    ],
)
def test_module_does_without(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", ["Settings", "FencedError", "ExitCode"])
def test_public_name_does_without(name: str) -> None:
    assert loaded_by(f"from framework import {name}").isdisjoint(HEAVY)


def test_the_app_does_not() -> None:
    assert {"faust", "aiokafka"} <= loaded_by("from framework import App")


def test_what_workers_are_forked_from_has_everything() -> None:
    loaded = loaded_by("import framework.lifecycle.preload")
    assert {"faust", "aiokafka", "uvloop", "aiohttp"} <= loaded


def test_main_starts_nothing_when_it_is_imported() -> None:
    assert "multiprocessing" not in loaded_by("import framework.__main__")

"""`apps.flights:app` is the app whatever was imported before, and the commands do without Faust."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "import apps.flights; app = apps.flights.app",
        "from apps.flights import app",
        "from apps.flights.app import app",
        "import apps.flights.app; app = apps.flights.app",
        "from apps.flights.app import app as first; from apps.flights import app; assert app is first",
    ],
)
def test_the_app_is_found_by_either_name(code: str) -> None:
    check = f"{code}; from framework import App; assert isinstance(app, App), app"

    subprocess.run([sys.executable, "-c", check], check=True)


def test_the_commands_do_without_faust() -> None:
    check = "import sys, apps.flights.__main__; assert 'faust' not in sys.modules"

    subprocess.run([sys.executable, "-c", check], check=True)

"""Quix Streams in a virtual environment of its own, made at first use and kept in the user's cache folder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs

VERSION = "3.28.1"
WITHIN = 300.0


class PeerMissingError(RuntimeError):
    """Raised when Quix Streams cannot be installed; leave it out with `--without quix`."""


def quix_python(say: Callable[[str], None]) -> Path:
    """The python that has Quix Streams.

    Args:
        say: called with a line for the person waiting before something slow is done.

    Raises:
        PeerMissingError: pip does not get it.
    """
    folder = platformdirs.user_cache_path("framework") / "peers" / f"quixstreams-{VERSION}-py{sys.version_info.minor}"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists():
        say(f"Installing quixstreams {VERSION} through pip, once; it is kept in {folder}.")
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"quixstreams=={VERSION}")
        stamp.touch()
    return python


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
    except subprocess.TimeoutExpired:
        raise PeerMissingError(f"{' '.join(command)} was not done after {WITHIN:.0f} seconds") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise PeerMissingError(f"{' '.join(command)} ended with code {done.returncode}: {last[0]}")

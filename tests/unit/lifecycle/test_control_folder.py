"""Where control sockets are, and which folders are trusted."""

import os
from pathlib import Path

import pytest

from framework.lifecycle.control_folder import flaw, own_folders, pid_of, searched_folders, socket_of

USER = os.geteuid()


def test_runtime_folder_comes_before_the_temporary_one() -> None:
    environ = {"XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/scratch"}
    expected = (Path("/run/user/7/framework"), Path(f"/scratch/framework-{USER}"))
    assert own_folders(environ) == searched_folders(environ) == expected


def test_service_without_variables_is_found_too() -> None:
    assert own_folders({}) == (Path(f"/tmp/framework-{USER}"),)
    assert searched_folders({}) == (Path(f"/run/user/{USER}/framework"), Path(f"/tmp/framework-{USER}"))


def test_socket_names_its_process(tmp_path: Path) -> None:
    assert pid_of(socket_of(tmp_path, 4711)) == 4711
    assert [pid_of(tmp_path / name) for name in ("x.sock", "7.pid", "-7.sock", ".sock")] == [None] * 4


class TestFlaw:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "own").mkdir(mode=0o700)
        return tmp_path / "own"

    def test_own_closed_folder_has_none(self, folder: Path) -> None:
        assert flaw(folder, USER) is None

    def test_folder_of_somebody_else(self, folder: Path) -> None:
        assert flaw(folder, USER + 1) == f"belongs to another user ({USER})"

    def test_link(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(folder)
        assert flaw(tmp_path / "link", USER) == "is a symbolic link"

    def test_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch(mode=0o600)
        assert flaw(tmp_path / "file", USER) == "is not a folder"

    @pytest.mark.parametrize("mode", [0o701, 0o750, 0o777])
    def test_open_folder(self, folder: Path, mode: int) -> None:
        folder.chmod(mode)
        assert flaw(folder, USER) == f"is open to other users (mode {mode:o}, wanted 700)"

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            flaw(tmp_path / "none", USER)

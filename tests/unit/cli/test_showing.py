"""How what was found is shown: once or again and again, to a person or to a machine."""

import asyncio

import orjson
import pytest
from rich.text import Text

import framework.cli.showing as module
from framework.cli.showing import print_json, show


def shown(looks: int, *, watch: bool, as_json: bool) -> int | None:
    """Show 0, then what each further look finds; None if it was cancelled at the last one."""
    found = iter(range(1, looks))

    async def look() -> int:
        try:
            return next(found)
        except StopIteration:
            raise asyncio.CancelledError from None

    try:
        return asyncio.run(
            show(0, look, lambda n: Text(f"table {n}"), lambda n: {"n": n}, watch=watch, as_json=as_json)
        )
    except asyncio.CancelledError:
        return None


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)


class TestShow:
    def test_once_for_a_person(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert shown(1, watch=False, as_json=False) == 0
        assert capsys.readouterr().out == "table 0\n"

    def test_once_for_a_machine(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert shown(1, watch=False, as_json=True) == 0
        assert capsys.readouterr().out == '{\n  "n": 0\n}\n'

    def test_again_and_again_for_a_machine_is_one_object_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert shown(3, watch=True, as_json=True) is None
        assert [orjson.loads(line)["n"] for line in capsys.readouterr().out.splitlines()] == [0, 1, 2]

    def test_again_and_again_into_a_pipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert shown(2, watch=True, as_json=False) is None
        assert capsys.readouterr().out == "table 0\ntable 1\n"


def test_json_is_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"a": [1, None], "b": "ü"}
    print_json(answer)
    assert orjson.loads(capsys.readouterr().out) == answer

"""`scripts/test all` names the folders of tests in lanes; a new one must be among them, or nobody would run it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_folder_of_tests_is_in_one_lane() -> None:
    script = (ROOT / "scripts/test").read_text()
    lanes = [line for line in script.splitlines() if line.startswith(("side_by_side ", '"${pytest'))]
    words = re.findall(r"\w+", " ".join(lanes))
    folders = [*(ROOT / "tests").iterdir(), *(ROOT / "tests/broker").iterdir()]
    wanted = [path.name for path in folders if any(path.rglob("test_*.py")) and path.name != "broker"]
    assert {name: words.count(name) for name in wanted} == dict.fromkeys(wanted, 1)

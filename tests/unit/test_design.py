"""DESIGN.md names every room that there is."""

import re
from pathlib import Path

import pytest

import framework

ROOT = Path(framework.__file__).parent
ROOMS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    # Settings are named together.
    if path.stem not in ("__init__", "__main__") and not path.stem.startswith("settings")
)
DESIGN = (ROOT.parent / "DESIGN.md").read_text()
FLOORS = DESIGN[DESIGN.index("\n 5  cli/") : DESIGN.index("\n## Processes")]
NAMED = set(re.findall(r"\w+", FLOORS))


@pytest.mark.parametrize("room", ROOMS)
def test_room_is_named(room: str) -> None:
    """By its whole name, or as `_part` of what it belongs to."""
    parts = Path(room).stem.split("_")
    names = {"_".join(parts), *(f"_{part}" for part in parts[1:])}
    assert names & NAMED, f"framework/{room} is new: say in DESIGN.md's floors what it is"

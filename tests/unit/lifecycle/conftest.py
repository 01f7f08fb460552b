"""What tests of slots and of standbys share: the processes, and the world."""

import pytest

import framework.lifecycle.slot as slot_module
from tests.unit.lifecycle.fake_handle import Processes
from tests.unit.lifecycle.fake_world import World, owner_of


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The processes that slots start."""
    found = Processes()
    monkeypatch.setattr(slot_module, "WorkerHandle", found)
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The world of a standby, in which nobody speaks yet."""
    return World(monkeypatch)


@pytest.fixture
def owners(world: World) -> None:
    """The workers in both seats are alive."""
    world.speaks(owner_of(0), owner_of(1))

"""A fake: a primary group of two seats with shadows, as its roster shows it; a test changes what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.identity import Incarnation
from framework.membership.group import Group, Member
from framework.membership.protection import Protection, protection
from framework.membership.roster import Entry, Shadowing, Takeover
from framework.membership.roster_records import encode
from framework.states import SeatState, ShadowState
from tests.unit.membership.fake_roster import FakeRoster, entry_of


def process(number: int) -> Incarnation:
    """One process of many."""
    return Incarnation(f"box-{number}", 4000 + number, 1_700_000_000_000 + number, f"{number:08x}")


def client_id(name: str, number: int) -> str:
    """How that process calls itself as `name`."""
    found = process(number)
    return f"{name}@{found.host}#{found.start_ms}-{found.suffix}"


def owner_of(seat: str, number: int, **changes: object) -> Entry:
    """The entry of process `number` in a seat, which knows that it is shadowed."""
    fields: dict[str, object] = {
        "client_id": client_id(seat, number),
        "incarnation": process(number),
        "member_id": f"{seat}-m",
        "lease": 3.0,
    }
    return entry_of(seat, **{**fields, **changes})


def standby_of(
    standby_id: str,
    number: int,
    lags: Mapping[str, int | None],
    *,
    state: ShadowState = ShadowState.WARM,
    problem: str = "",
    **changes: object,
) -> Entry:
    """The entry of process `number` as a worker of the standby group."""
    fields: dict[str, object] = {
        "client_id": client_id(standby_id, number),
        "incarnation": process(number),
        "role": "standby",
        "shadowing": Shadowing("flights-standby", state, problem, 3.0, lags),
    }
    return entry_of(standby_id, **{**fields, **changes})


def promoted(seat: str, number: int, standby_id: str, kind: str = "handover", **changes: object) -> Entry:
    """The entry of process `number` in a seat into which it came from the standby group."""
    takeover = Takeover(kind, client_id(seat, 0), 3.25, 0.5)
    return owner_of(seat, number, **{"standby_id": standby_id, "takeover": takeover, **changes})


def group_of(*seats: str, group_id: str = "flights") -> Group:
    """A stable group with these seats."""
    return Group(group_id, "Stable", tuple(Member(f"{seat}-m", seat, seat, "/h") for seat in seats))


@dataclass(slots=True)
class Scene:
    """Two seats, w-0 and w-1, each with a warm shadow, s-0 and s-1."""

    roster: FakeRoster = field(default_factory=FakeRoster)
    group: Group = field(default_factory=lambda: group_of("w-0", "w-1"))
    standby_group: Group | None = field(default_factory=lambda: group_of("s-0", "s-1", group_id="flights-standby"))
    written_ms: int = 1_000_000

    def speak(self) -> None:
        """Let everybody say that all is well."""
        self.write(owner_of("w-0", 0))
        self.write(owner_of("w-1", 1))
        self.write(standby_of("s-0", 10, {"w-0": 7}))
        self.write(standby_of("s-1", 11, {"w-1": 0}))

    def write(self, entry: Entry) -> None:
        """As a worker does; the broker's clock is that of the roster."""
        written_ms = self.written_ms + round(self.roster.now * 1000)
        self.roster.view.apply(entry.group_instance_id.encode(), encode(entry), self.roster.now, written_ms)

    def look(self, doubt: str = "") -> Protection:
        """Who protects whom now."""
        return protection(self.roster.view, self.group, "flights-standby", self.standby_group, self.roster.now, doubt)

    def why_not(self, seat: str = "w-0") -> str:
        """Why a seat is not protected now; empty if it is."""
        line = self.look().line(seat)
        assert line is not None
        return line.why_not


def stopped(seat: str, number: int, successor: str = "") -> Entry:
    """The last entry of a process that handed its seat over."""
    return owner_of(seat, number, state=SeatState.STOPPED, reason="handover", successor=successor)

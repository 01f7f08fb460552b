"""What `framework standby status` shows to a person; asks nobody."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from framework.cli.naming import counted
from framework.cli.showing import STATE_STYLES
from framework.cli.standby_tools import named
from framework.membership.protection import Protection, SeatLine, ShadowLine, StandbyLine
from framework.membership.roster import Entry
from framework.states import GONE, SeatState, ShadowState

SEAT_COLUMNS = ("seat", "owner", "state", "shadow", "lag", "protected", "last takeover")
STANDBY_COLUMNS = ("standby", "process", "state", "seats")


def table_of(found: Protection) -> RenderableType:
    """A headline, the seats, the standbys, and a line for everything that is not as it should be."""
    parts: list[RenderableType] = [_headline(found)]
    if found.seats:
        seats = Table(*(Column(name, overflow="fold") for name in SEAT_COLUMNS), box=box.SIMPLE)
        for line in found.seats:
            seats.add_row(*_seat_cells(line))
        parts.append(seats)
    if found.standbys:
        standbys = Table(*(Column(name, overflow="fold") for name in STANDBY_COLUMNS), box=box.SIMPLE)
        for standby in found.standbys:
            standbys.add_row(*_standby_cells(standby))
        parts.append(standbys)
    return Group(*parts, *_remarks(found))


def _headline(found: Protection) -> Text:
    protected = sum(line.is_protected for line in found.seats)
    style = "green" if found.is_complete else "red"
    count = Text(f"{protected} of {counted(len(found.seats), 'seat')} protected", style)
    by = f" by {found.standby_group_id}, {counted(len(found.standbys), 'worker')}"
    return Text.assemble(f"Group {found.group.group_id}: ", count, by)


def _remarks(found: Protection) -> Iterable[Text]:
    if not found.standbys:
        yield Text(
            f"No worker of a standby group {found.standby_group_id!r} has been seen. Start one with `framework run"
            " MODULE:APP --role standby`.",
            "yellow",
        )
    for standby in found.standbys:
        if (shadowing := standby.seen.entry.shadowing) is not None and shadowing.problem and not standby.sits_in:
            yield Text(f"{standby.standby_id}: {shadowing.problem}", "yellow")
        if standby.is_in_group is False and not standby.sits_in and standby.seen.entry.state not in GONE:
            yield Text(f"{standby.standby_id} is not in group {found.standby_group_id}.", "yellow")
    if found.problem:
        yield Text(found.problem, "yellow")


def _seat_cells(line: SeatLine) -> tuple[RenderableType, ...]:
    shadows = line.shadows
    return (
        line.seat,
        _owner(line),
        _state(line),
        "\n".join(f"{shadow.standby_id}, {_host(shadow.seen.entry)}" for shadow in shadows) or "-",
        "\n".join(lag_of(shadow) for shadow in shadows) or "-",
        Text("yes", "green") if line.is_protected else Text(f"no: {line.why_not}", "red"),
        takeover_of(line.owner.entry) if line.owner is not None else "-",
    )


def _owner(line: SeatLine) -> str:
    if line.owner is None:
        return "-"
    entry = line.owner.entry
    return f"{_process(entry)}\n{f'from {entry.standby_id}' if entry.standby_id else 'at home'}"


def _process(entry: Entry) -> str:
    return f"{_host(entry)}, {entry.incarnation.pid}"


def _host(entry: Entry) -> str:
    return entry.incarnation.host or "unknown host"


def _state(line: SeatLine) -> Text:
    if line.owner is None:
        return Text("-", "dim")
    state = line.owner.entry.state
    age = (f", {line.age:.1f} s ago", "dim")
    if state in GONE:
        return Text.assemble((state, "dim"), age)
    return Text.assemble((state, STATE_STYLES[state]) if line.is_live else (f"{state}, silent", "red"), age)


def lag_of(shadow: ShadowLine) -> str:
    """How far a shadow is behind."""
    return "-" if shadow.lag is None else f"{shadow.lag:,}"


def takeover_of(entry: Entry) -> str:
    """How a process came into its seat; `-` where it is its own."""
    found = entry.takeover
    if found is None:
        return "-"
    parts = [f"{found.kind} from {named(found.from_client_id)}"]
    if found.kind != "handover":
        parts.append(f"silent for {found.silent_for:.1f} s")
    if found.took is not None:
        parts.append(f"took {found.took:.2f} s")
    if entry.state is SeatState.RUNNING:
        parts.append(f"{datetime.fromtimestamp(entry.since_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC")
    return "\n".join(parts)


def _standby_cells(line: StandbyLine) -> tuple[RenderableType, ...]:
    shadowing = line.seen.entry.shadowing
    return (
        line.standby_id,
        _process(line.seen.entry),
        Text.assemble(_standby_state(line), (f", {line.age:.1f} s ago", "dim")),
        ", ".join(shadowing.lags) if shadowing is not None and shadowing.lags else "-",
    )


def _standby_state(line: StandbyLine) -> tuple[str, str]:
    entry = line.seen.entry
    if line.sits_in:
        return f"sits in {line.sits_in}", "green"
    if entry.state in GONE:
        return entry.state, "dim"
    state = entry.shadowing.state if entry.shadowing is not None else ShadowState.STARTING
    if line.is_silent:
        return f"{state}, silent", "red"
    return state, "green" if state is ShadowState.WARM else "yellow"

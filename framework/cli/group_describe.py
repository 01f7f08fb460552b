"""`framework group describe`: the table and the document of a group, once or again and again."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from framework.cli.looking import looking_at
from framework.cli.naming import counted
from framework.cli.showing import STATE_STYLES, show
from framework.membership.overview import Overview, SeatLine
from framework.membership.scaling import shortened
from framework.settings import Settings
from framework.states import GONE

COLUMNS = ("seat", "worker", "state", "partitions", "lag")

_GROUP_STYLES: Mapping[str, str] = {"Stable": "green", "Empty": "dim", "Dead": "red"}


def run(settings: Settings, group_id: str, *, watch: bool, as_json: bool) -> None:
    """Show the group once, or until interrupted."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, group_id, watch=watch, as_json=as_json))


async def _run(settings: Settings, group_id: str, *, watch: bool, as_json: bool) -> None:
    async with looking_at(settings, group_id) as outlook:

        async def look() -> Overview:
            return await outlook.overview(await outlook.admin.describe(group_id))

        found = await outlook.overview(await outlook.existing())
        await show(found, look, table_of, document, watch=watch, as_json=as_json)


# --- for machines ---------------------------------------------------------------------------------------------------


def document(found: Overview) -> dict[str, object]:
    """A group as one JSON object; unknown is null, ages are seconds."""
    return {
        "group_id": found.group.group_id,
        "state": found.group.state,
        "generation_id": _known(found.generation_id),
        "lag": found.lag,
        "wanted": None
        if found.wanted is None
        else {"count": found.wanted.count, "surplus": sorted(found.wanted.surplus)},
        "roster_problem": found.roster_problem or None,
        "unowned": [{"topic": topic, "partition": number} for topic, number in found.unowned],
        "seats": [_seat(line) for line in found.seats],
    }


def _seat(line: SeatLine) -> dict[str, object]:
    return {
        "group_instance_id": line.group_instance_id,
        "in_group": line.member is not None,
        "member_id": line.member.member_id if line.member is not None else None,
        "client_id": line.holder.client_id,
        "host": line.holder.host,
        "pid": line.holder.pid,
        "start_ms": line.holder.start_ms,
        "state": line.state.value if line.state is not None else None,
        "is_live": line.is_live,
        "age": line.age,
        "reason": line.reason,
        "generation_id": _known(line.generation_id),
        "assignment": {topic: list(numbers) for topic, numbers in sorted(line.assignment.items())},
        "lag": line.lag,
    }


def _known(generation_id: int) -> int | None:
    return generation_id if generation_id >= 0 else None


# --- for a person ---------------------------------------------------------------------------------------------------


def table_of(found: Overview) -> RenderableType:
    """A group as a headline, a table, and a line for everything that is not as it should be."""
    table = Table(*(Column(name, overflow="fold") for name in COLUMNS), box=box.SIMPLE)
    for line in found.seats:
        table.add_row(*_cells(line, found.generation_id))
    return Group(_headline(found), table, *_remarks(found))


def _headline(found: Overview) -> Text:
    group = found.group
    parts = [counted(len(group.seats), "seat")]
    if others := len(group.members) - len(group.seats):
        parts.append(counted(others, "dynamic member"))
    if found.generation_id >= 0:
        parts.append(f"generation {found.generation_id}")
    if found.lag is not None:
        parts.append(f"lag {found.lag:,}")
    state = Text(group.state, style=_GROUP_STYLES.get(group.state, "yellow"))
    return Text.assemble(f"Group {group.group_id}: ", state, ", ", ", ".join(parts))


def _remarks(found: Overview) -> Iterable[Text]:
    if found.wanted is not None:
        surplus = f"; to be left now: {', '.join(sorted(found.wanted.surplus))}" if found.wanted.surplus else ""
        yield Text(f"Wanted: {counted(found.wanted.count, 'worker')}{surplus}.")
    if found.unowned:
        yield Text(f"Nobody has {shortened([f'{topic}[{number}]' for topic, number in found.unowned])}.", "red")
    if found.roster_problem:
        yield Text(found.roster_problem, "yellow")


def _cells(line: SeatLine, generation_id: int) -> tuple[RenderableType, ...]:
    is_in = line.member is not None
    state = _state(line)
    if line.age is not None:
        state.append(f", {line.age:.1f} s ago", "dim")
    if line.generation_id not in (-1, generation_id):
        state.append(f", generation {line.generation_id}", "yellow")
    return (
        Text(line.group_instance_id or "(none)", "" if is_in and line.group_instance_id else "dim"),
        f"{line.holder.host or '-'}, {line.holder.pid}" if line.holder.pid is not None else line.holder.host or "-",
        state,
        partitions_of(line.assignment),
        "-" if line.lag is None else f"{line.lag:,}",
    )


def _state(line: SeatLine) -> Text:
    outside = "" if line.member is not None else ", not in the group"
    if line.state is None:
        return Text.assemble((f"-{outside}", "dim"))
    if line.state in GONE:
        return Text.assemble((f"{line.state}{outside}", "dim"))
    if not line.is_live:
        return Text.assemble((f"{line.state}, silent{outside}", "red"))
    return Text.assemble((f"{line.state}{outside}", STATE_STYLES[line.state]))


def partitions_of(assignment: Mapping[str, tuple[int, ...]]) -> str:
    """`topic 0-2,5`, a line for each topic."""
    return "\n".join(f"{topic} {ranges(numbers)}" for topic, numbers in sorted(assignment.items())) or "-"


def ranges(numbers: Iterable[int]) -> str:
    """`0,1,2,5` as `0-2,5`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)

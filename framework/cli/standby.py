"""`framework standby status|handover|drill`: who protects which seat, and seats that change hands on purpose."""

from typing import Annotated

import typer

from framework.cli.naming import GroupOption, Json, Target, group_id_of
from framework.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Hot standby: see which seats are protected, hand them over, rehearse.")

Timeout = Annotated[float, typer.Option(min=1.0, metavar="S", help="Seconds that one seat may take.")]


@app.command()
def status(
    target: Target = None,
    group: GroupOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again each second until interrupted.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 3 unless every seat is protected.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with --watch one a line.")] = False,
) -> None:
    """Show each seat's owner and shadows, whether it is protected, and why not.

    A seat is protected if its owner lives and knows of a shadow, and a live shadow in another process is warm.
    """
    if watch and check:
        raise typer.BadParameter("it looks once, so leave --watch out.", param_hint="--check")
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.standby_status import run

    run(settings, group_id, watch=watch, check=check, as_json=as_json)


@app.command()
def handover(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODULE:APP] [SEAT]...", help="The app, and the seats' ids.")
    ] = None,
    group: GroupOption = None,
    is_all: Annotated[bool, typer.Option("--all", help="Every seat of the group, one after the other.")] = False,
    to: Annotated[str | None, typer.Option("--to", metavar="ID", help="The standby that is to sit down.")] = None,
    timeout: Timeout = 60.0,
    as_json: Json = False,
) -> None:
    """Hand seats over to their shadows: the owner finishes, commits and steps aside, the shadow sits down.

    Waits for a shadow that is still warming. Stops at the first seat that fails, with exit code 3. With --group ID,
    only seats are given.
    """
    target, seats = _split(names, group)
    if is_all == bool(seats):
        raise typer.BadParameter("give the seats, or --all for every one.", param_hint="SEAT")
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.standby_handover import Wish, run

    run(settings, Wish(group_id, seats, to, timeout), as_json=as_json)


@app.command()
def drill(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODULE:APP] SEAT", help="The app, and the seat.")
    ] = None,
    group: GroupOption = None,
    timeout: Timeout = 60.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Kill the worker in a seat on purpose and measure how its shadow takes over.

    Refuses unless the seat is protected. On a terminal it asks first. With --group ID, only SEAT is given.
    """
    target, seats = _split(names, group)
    if len(seats) != 1:
        raise typer.BadParameter(f"give one seat, not {len(seats)}.", param_hint="SEAT")
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.standby_drill import run

    run(settings, group_id, seats[0], timeout=timeout, yes=yes, as_json=as_json)


def _split(names: list[str] | None, group: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The app, if it is to be named, and the seats."""
    found = tuple(names or ())
    return (None, found) if group is not None else (found[0] if found else None, found[1:])

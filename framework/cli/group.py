"""`framework group describe|remove|wait`: looks at a consumer group and removes seats from it."""

from typing import Annotated

import typer

from framework.cli.naming import GroupOption, Json, Target, group_id_of
from framework.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look at an app's consumer group, wait for it, remove seats from it.")


@app.command()
def describe(
    target: Target = None,
    group: GroupOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again each second until interrupted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with --watch one a line.")] = False,
) -> None:
    """Show who sits where: seats, processes, states and their age, generation, partitions and lag."""
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.group_describe import run

    run(settings, group_id, watch=watch, as_json=as_json)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="[MODULE:APP] SEAT", help="The app, and the seat's id.")],
    group: GroupOption = None,
    force: Annotated[bool, typer.Option("--force", help="Also take it from a worker that lives.")] = False,
    as_json: Json = False,
) -> None:
    """Take a dead worker's seat out of its group, so that its partitions go to the others at once.

    Whether its worker is dead shows within about three intervals of the roster. With --group ID, only SEAT is given.
    """
    expected = 1 if group is not None else 2
    if len(names) != expected:
        wanted = "only SEAT beside --group" if group is not None else "MODULE:APP and SEAT"
        raise typer.BadParameter(f"give {wanted}, not {len(names)} names.", param_hint="SEAT")
    settings, group_id = Settings.load(), group_id_of(names[0] if group is None else None, group)
    from framework.cli.group_remove import run

    run(settings, group_id, names[-1], force=force, as_json=as_json)


@app.command()
def wait(
    target: Target = None,
    group: GroupOption = None,
    stable: Annotated[bool, typer.Option("--stable", help="Until the group is Stable.")] = False,
    seats: Annotated[int | None, typer.Option(min=0, help="Until it has exactly so many seats.")] = None,
    timeout: Annotated[float, typer.Option(min=0.0, help="Seconds to wait at most.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Wait until a group is as it should be; exit code 3 with what is missing if it is not in time."""
    if not stable and seats is None:
        raise typer.BadParameter("say what to wait for: --stable, --seats N, or both.", param_hint="--stable")
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.group_wait import Wish, run

    run(settings, group_id, Wish(stable, seats), timeout=timeout, as_json=as_json)

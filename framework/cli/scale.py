"""`framework scale`: brings a group to a number of workers, one surplus seat after the other."""

from typing import Annotated

import typer

from framework.cli.naming import GroupOption, Json, Target, group_id_of
from framework.settings import Settings


def scale(
    to: Annotated[int, typer.Option("--to", metavar="N", help="Workers that the group is to have, 1 or more.")],
    target: Target = None,
    group: GroupOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who would stay and who would go, and stop.")] = False,
    timeout: Annotated[float, typer.Option(min=1.0, metavar="S", help="Seconds that one step may take.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Scale a group: surplus workers finish, commit and leave one at a time, dead ones are removed.

    The workers with the lowest numbers stay. Returns when the group is Stable and every partition is in work again, and
    tells how long each step stood still. Scaling up writes the number down; starting the workers is up to you. When
    interrupted, it can be run again.
    """
    if to < 1:
        raise typer.BadParameter(
            f"a group cannot be scaled to {to} workers: the least is 1. To end it, stop all its workers.",
            param_hint="--to",
        )
    settings, group_id = Settings.load(), group_id_of(target, group)
    from framework.cli.scale_run import Order, run

    run(settings, Order(group_id, to, timeout, dry_run), as_json=as_json)

"""How a command is told which group is meant, and how it counts; loads the app's code only if it has to."""

from typing import Annotated

import typer

from framework.settings import Role

Target = Annotated[str | None, typer.Argument(metavar="[MODULE:APP]", help="The app, such as apps.flights:app.")]
GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="ID", help="The group, in place of MODULE:APP; loads no code.")
]
RoleOption = Annotated[
    Role | None,
    typer.Option("--role", help="`standby` keeps the primary group's seats warm; in place of FRAMEWORK_ROLE."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object for machines.")]


def counted(number: int, noun: str) -> str:
    """`1 seat`, `2 seats`; `noun` without its s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def group_id_of(target: str | None, group: str | None) -> str:
    """The id of the group that the arguments name.

    Raises:
        typer.BadParameter: they name none, or two.
        AppNotFoundError: `MODULE:APP` leads to no app.
        AppImportError: the app's module fails.
    """
    if group is not None:
        if target is not None:
            raise typer.BadParameter("it names the group already, so leave MODULE:APP out.", param_hint="--group")
        if not group:
            raise typer.BadParameter("a group's id is not empty.", param_hint="--group")
        return group
    if target is None:
        raise typer.BadParameter("name the app, such as apps.flights:app, or the group with --group ID.")
    from framework.lifecycle.loading import load_app

    return str(load_app(target).id)

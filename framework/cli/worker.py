"""`framework worker`: one worker in the foreground, for a debugger or a profiler."""

from typing import Annotated

import typer

from framework.cli.naming import RoleOption


def worker(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, such as apps.flights:app.")],
    role: RoleOption = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Run one worker of an app without a supervisor.

    Nobody restarts it; everything else is as under `framework run`.
    """
    from framework.lifecycle.link import WorkerSpec
    from framework.lifecycle.worker import run

    run(WorkerSpec(target, role=role, debug=debug))

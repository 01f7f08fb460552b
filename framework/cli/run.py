"""`framework run`: a supervisor and its workers."""

import asyncio
from typing import Annotated

import structlog
import typer

from framework import logs
from framework.cli.naming import RoleOption
from framework.lifecycle.supervisor import Supervisor
from framework.settings import Settings

log = structlog.get_logger(__name__)


def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, such as apps.flights:app.")],
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, help="Worker processes.")] = 1,
    role: RoleOption = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Run an app: workers under a supervisor, until interrupted.

    SIGTERM or SIGINT stops gracefully, a second one stops now, SIGHUP replaces the workers one at a time.
    """
    settings = Settings.load() if role is None else Settings.load(role=role)
    logs.configure(settings.log_level, settings.log_format)
    for warning in settings.warnings():
        log.warning("settings.warning", warning=warning)
    code = asyncio.run(Supervisor(target, workers, settings, debug=debug).run())
    raise typer.Exit(code)

"""The command line: collects the commands, and turns errors into one paragraph and an exit code."""

import sys
import traceback
from typing import Annotated, NoReturn

import typer

from framework.cli import config, group, kafka, leave, run, scale, standby, whoami, worker
from framework.errors import FrameworkError
from framework.exit_codes import ExitCode

app = typer.Typer(
    name="framework",
    help="Faust stream workers that keep their seat.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(worker.worker)
app.command()(leave.leave)
app.command()(scale.scale)
app.command()(whoami.whoami)
app.command()(config.config)
app.add_typer(group.app, name="group")
app.add_typer(standby.app, name="standby")
app.add_typer(kafka.app, name="kafka")


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    context.obj = debug


def main() -> NoReturn:
    """Run the command that the arguments name and exit."""
    try:
        app()
    except FrameworkError as exc:
        if "--debug" in sys.argv:
            traceback.print_exc()
        typer.echo(f"error: {exc}", err=True)
        sys.exit(exc.exit_code)
    sys.exit(ExitCode.OK)

"""`python -m apps.flights replay|verify`: the commands of this app."""

import asyncio
import logging
import sys
from typing import Annotated

import typer
from rich.console import Console

from apps.flights.data import fetch
from apps.flights.errors import FlightsError
from apps.flights.present import replay_as_json, show_progress, verify_as_json, verify_as_table
from apps.flights.replay import ReplayPlan, ReplayReport, replay
from apps.flights.verify import expect_replay, verify
from framework import ExitCode, FrameworkError, Settings

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

Limit = Annotated[int | None, typer.Option(min=1, help="Only so many first flights of the file.")]
Times = Annotated[int, typer.Option(min=1, help="How often all of them.")]
Malformed = Annotated[int, typer.Option(min=0, help="Malformed records injected.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@cli.command("replay")
def replay_command(
    rate: Annotated[float | None, typer.Option(min=0.1, help="Records a second; as fast as possible without.")] = None,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many first flights.")] = 0,
    limit: Limit = None,
    times: Times = 1,
    malformed: Malformed = 0,
    as_json: AsJson = False,
) -> None:
    """Produce the flights to Kafka, keyed by carrier; ends well only if every record was acknowledged."""
    plan = ReplayPlan(limit=limit, times=times, malformed=malformed, rate=rate, skip=skip)
    report = _replay(Settings.load(), plan, Console(stderr=True))
    if as_json:
        typer.echo(replay_as_json(report))
    else:
        typer.echo(
            f"{report.records} records acknowledged, {report.malformed} malformed ones among them,"
            f" in {report.seconds:.1f} s ({report.rate:,.0f} a second)."
        )


@cli.command("verify")
def verify_command(
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the workers to be done.")] = 0.0,
    limit: Limit = None,
    times: Times = 1,
    malformed: Malformed = 0,
    as_json: AsJson = False,
) -> None:
    """Compare tables, alerts and malformed records in Kafka with the file; give the options of the replay."""
    settings = Settings.load()
    file = fetch(say=_say)
    expected = expect_replay(file, limit=limit, times=times, malformed=malformed)
    report = asyncio.run(verify(settings, expected, wait))
    if as_json:
        typer.echo(verify_as_json(report))
    else:
        verify_as_table(report, Console())
    raise typer.Exit(ExitCode.OK if report.is_equal else ExitCode.CHECK_FAILED)


def _replay(settings: Settings, plan: ReplayPlan, console: Console) -> ReplayReport:
    file = fetch(say=_say)
    with show_progress(console) as progress:
        return asyncio.run(replay(settings, file, plan, progress))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def main() -> None:
    """Run the command; an error that is foreseen becomes its sentence and its exit code."""
    # What aiokafka logs of a broken connection is in the error's sentence too.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        cli(prog_name="python -m apps.flights")
    except (FlightsError, FrameworkError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

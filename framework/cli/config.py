"""`framework config`: shows the effective settings and where each came from; changes none."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from framework.cli.showing import print_json
from framework.exit_codes import reference_markdown as exit_codes_markdown
from framework.settings import Settings, reference_markdown
from framework.settings_reading import env_name
from framework.settings_wording import shown


def config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for machines.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The reference of all settings, for a page.")] = False,
    exit_codes: Annotated[bool, typer.Option("--exit-codes", help="All exit codes, for a page.")] = False,
) -> None:
    """Show every setting, its value here and where that came from; secrets stay hidden."""
    if as_markdown:
        sys.stdout.write(reference_markdown())
        return
    if exit_codes:
        sys.stdout.write(exit_codes_markdown())
        return
    settings = Settings.load()
    if as_json:
        _print_json(settings)
    else:
        _print_table(settings)


def _print_json(settings: Settings) -> None:
    values = settings.model_dump(mode="json")
    rows = {
        name: {"name": env_name(name), "value": values[name], "source": source}
        for name, source in settings.sources().items()
    }
    answer = {"settings": rows, "warnings": list(settings.warnings())}
    print_json(answer)


def _print_table(settings: Settings) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(*(Column(name, overflow="fold") for name in ("setting", "value", "source")))
    for name, source in settings.sources().items():
        table.add_row(env_name(name), shown(getattr(settings, name)), source)
    console.print(table)
    for warning in settings.warnings():
        console.print(warning)

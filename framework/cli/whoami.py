"""`framework whoami`: shows which instance id this process would have here, and why; starts nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from framework.cli.showing import print_json
from framework.errors import IdentityError
from framework.identity import Explained, HostFacts, Identity, Incarnation, explain, resolve
from framework.settings import Settings, environment


def whoami(
    target: Annotated[str | None, typer.Argument(metavar="MODULE:APP", help="App whose id names the group.")] = None,
    service: Annotated[str | None, typer.Option(help="Service to use in place of the configured one.")] = None,
    slots: Annotated[int, typer.Option(min=1, help="Workers of one supervisor; shows the id of each.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for machines.")] = False,
) -> None:
    """Show the instance id of a worker started here, every source that was asked, and what follows from the id."""
    settings = Settings.load() if service is None else Settings.load(service=service)
    app_id = _app_id(target, settings)
    environ, host = environment(), HostFacts.here()
    chain = explain(settings, app_id=app_id, role=settings.role, environ=environ, host=host)
    identities: list[Identity] = []
    refusal: IdentityError | None = None
    try:
        identities = [
            resolve(settings, app_id=app_id, slot=slot, slots=slots, role=settings.role, environ=environ, host=host)
            for slot in range(slots)
        ]
    except IdentityError as error:
        refusal = error
    facts = [_facts(identity, settings, slot) for slot, identity in enumerate(identities)]
    if as_json:
        _print_json(chain, facts, refusal)
    else:
        _print_tables(chain, facts)
    if refusal is not None:
        raise refusal


def _app_id(target: str | None, settings: Settings) -> str:
    if target is None:
        return settings.service or "app"
    from framework.lifecycle.loading import load_app

    return str(load_app(target).id)


def _facts(identity: Identity, settings: Settings, slot: int) -> dict[str, str | int | None]:
    return {
        **asdict(identity),
        "canonical_url": identity.canonical_url(settings.http_port + slot),
        "datadir": str(identity.datadir(Path(settings.datadir))),
        "client_id": identity.client_id(Incarnation.now()),
    }


def _print_json(
    chain: list[Explained], facts: list[dict[str, str | int | None]], refusal: IdentityError | None
) -> None:
    answer = {
        **(facts[0] if facts else {"group_instance_id": None}),
        "slots": [identity["group_instance_id"] for identity in facts],
        "chain": [asdict(row) for row in chain],
        "error": None if refusal is None else str(refusal),
    }
    print_json(answer)


def _print_tables(chain: list[Explained], facts: list[dict[str, str | int | None]]) -> None:
    console = Console(highlight=False, markup=False)
    table = Table(*(Column(name, overflow="fold") for name in ("source", "value", "stable", "outcome")))
    for row in chain:
        stable = {None: "", True: "yes", False: "no"}[row.stable]
        table.add_row(row.source, row.value or "", stable, row.outcome)
    console.print(table)
    for identity in facts:
        details = Table.grid(padding=(0, 2))
        for name in ("group_id", "group_instance_id", "canonical_url", "datadir", "client_id"):
            value = identity[name]
            details.add_row(name, "none: a dynamic member" if value is None else str(value))
        console.print(details)

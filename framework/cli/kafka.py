"""`framework kafka up|down|status`: a real Apache Kafka on this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from framework.exit_codes import ExitCode

if TYPE_CHECKING:
    from framework.localkafka.detached import Status

app = typer.Typer(
    no_args_is_help=True,
    help="A real Apache Kafka on this machine, for development. Needs Java 17 or newer, and Maven or KAFKA_HOME.",
)

Data = Annotated[Path, typer.Option("--data", help="Folder for data, logs and the state file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")]
KafkaHome = Annotated[Path | None, typer.Option(envvar="KAFKA_HOME", help="An unpacked Apache Kafka to use.")]
JavaHome = Annotated[Path | None, typer.Option(envvar="JAVA_HOME", help="A Java installation to use.")]
Properties = Annotated[
    list[str] | None,
    typer.Option("--property", metavar="NAME=VALUE", help="A server property; may be repeated."),
]


@app.command()
def up(
    nodes: Annotated[int, typer.Option(help="1 or 3; with 3, topics get replication 3 and min ISR 2.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the first node; others take the next ones.")] = 9092,
    data: Data = Path(".kafka"),
    properties: Properties = None,
    kafka_home: KafkaHome = None,
    java_home: JavaHome = None,
    as_json: Json = False,
) -> None:
    """Start Apache Kafka in the background; topics are created when first used.

    It goes on when this command has ended, keeps its data over `down` and `up`, and is stopped by `down`. The first
    start fetches Kafka through Maven, unless KAFKA_HOME is set.
    """
    from framework.localkafka.detached import Wanted, status
    from framework.localkafka.detached import up as bring_up
    from framework.localkafka.java import Tools

    if nodes not in (1, 3):
        raise typer.BadParameter(f"a local Kafka has 1 or 3 nodes, not {nodes}.", param_hint="--nodes")
    chosen = {"auto.create.topics.enable": "true", **_parsed(properties or [])}
    wanted = Wanted(folder=data, nodes=nodes, port=port, properties=chosen)
    console = Console(stderr=True)
    was_up = status(data).is_up
    tools = Tools(kafka_home=kafka_home, java_home=java_home, progress=console.status)
    found = bring_up(wanted, tools)
    said = "Apache Kafka is up already" if was_up else "Apache Kafka is up"
    _tell(found, as_json, f"{said} at {_address(found)}. Data and logs are in {found.folder}.")


@app.command()
def down(
    data: Data = Path(".kafka"),
    purge: Annotated[bool, typer.Option("--purge", help="Remove data and logs too.")] = False,
) -> None:
    """Stop the Apache Kafka that was started from the data folder."""
    from framework.localkafka.detached import down as take_down

    before = take_down(data, purge=purge)
    stopped = "Apache Kafka is stopped" if before.running else f"Apache Kafka was not up in {before.folder}"
    typer.echo(f"{stopped}; its data and logs are removed." if purge else f"{stopped}.")


@app.command()
def status(data: Data = Path(".kafka"), as_json: Json = False) -> None:
    """Say whether the Apache Kafka of the data folder is up; exit code 3 when it is not."""
    from framework.localkafka.detached import status as look

    found = look(data)
    if found.is_up:
        _tell(found, as_json, f"Apache Kafka is up at {_address(found)}. Data and logs are in {found.folder}.")
        return
    ended = [] if found.state is None else [n.node_id for n in found.state.nodes if n not in found.running]
    why = f" Node(s) {', '.join(map(str, ended))} ended by themselves; see {found.folder / 'logs'}." if ended else ""
    _tell(found, as_json, f"Apache Kafka is not up in {found.folder}.{why} Start it with `framework kafka up`.")
    raise typer.Exit(ExitCode.CHECK_FAILED)


def _parsed(properties: list[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in properties]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise typer.BadParameter(f"{name!r} is not NAME=VALUE.", param_hint="--property")
    return {name.strip(): value for name, _, value in pairs}


def _address(found: "Status") -> str:
    return found.state.bootstrap_servers if found.state else ""


def _tell(found: "Status", as_json: bool, sentence: str) -> None:
    typer.echo(json.dumps(_as_document(found), indent=2) if as_json else sentence)


def _as_document(found: "Status") -> dict[str, object]:
    nodes = found.state.nodes if found.state else ()
    logs = found.state.logs if found.state else ()
    return {
        "up": found.is_up,
        "bootstrap_servers": _address(found),
        "data": str(found.folder),
        "nodes": [
            {"node_id": node.node_id, "pid": node.pid, "port": node.port, "up": node in found.running, "log": log}
            for node, log in zip(nodes, logs, strict=True)
        ],
    }

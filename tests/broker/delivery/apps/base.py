"""What the apps of these tests share: the app, its topics by short name, and how an agent writes down what it saw.

BOTH_GROUP    id of the app; outputs are `<group>-<name>`
BOTH_INPUTS   inputs are `<inputs>-<name>`
BOTH_NOTES    file to append a JSON line to for each note
BOTH_LABEL    what the test calls this process
BOTH_OPTIONS  further options of the app, a JSON object
"""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import faust
from faust import current_event

from framework import App

GROUP = os.environ["BOTH_GROUP"]
INPUTS = os.environ["BOTH_INPUTS"]

app = App(GROUP, **json.loads(os.environ.get("BOTH_OPTIONS") or "{}"))
_notes = Path(os.environ["BOTH_NOTES"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the process


def source(name: str, **options: Any) -> Any:
    """An input topic."""
    return app.topic(f"{INPUTS}-{name}", **{"value_serializer": "json", "key_serializer": "raw", **options})


def out(name: str, **options: Any) -> Any:
    """An output topic; it exists before the worker starts."""
    return app.topic(f"{GROUP}-{name}", **{"value_serializer": "json", "key_serializer": "raw", **options})


def note(feature: str, **fields: Any) -> None:
    """Write one line."""
    _notes.write(json.dumps({"feature": feature, **fields}, default=plain) + "\n")


def noted(feature: str, event: Any = None, **fields: Any) -> None:
    """Write one line with the place of an event, by default of the current one."""
    message = (event or current_event()).message
    note(feature, topic=short(message.topic), partition=message.partition, offset=message.offset, **fields)


def short(topic: str) -> str:
    """Name of a topic without what differs between the groups."""
    return topic.removeprefix(f"{INPUTS}-").replace(GROUP, "GROUP")


def plain(value: Any) -> Any:
    """Something for JSON that tells types apart."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": bytes(value).decode("latin-1")}
    if isinstance(value, faust.Record):
        return {"record": type(value).__name__, **value.asdict()}
    if isinstance(value, set | frozenset):
        return {"set": sorted(value)}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return {"type": type(value).__name__, "repr": repr(value)}

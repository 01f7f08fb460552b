"""Reads the log of a worker as events; knows none of them by name."""

import json
from collections.abc import Mapping
from typing import Any

Event = Mapping[str, Any]
"""A line of the log: `{field: value}`, the name of the event under `event`."""


def events_in(log: bytes) -> list[Event]:
    """The events of a JSON log.

    Sentences for a person and tracebacks between them are left out, and so is a last line without an end: it is still
    being written.
    """
    lines = log.decode(errors="replace").split("\n")[:-1]
    return [event for line in lines if (event := _event(line)) is not None]


def _event(line: str) -> Event | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "event" in fields else None

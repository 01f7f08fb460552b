"""Where log lines go and how they look; knows nothing of what they say."""

import functools
import importlib
import logging
import os
import sys
from typing import Any

import structlog

LIBRARIES = ("faust", "mode", "aiokafka", "asyncio", "kafka")
"""Loggers whose INFO lines are for their own developers; shown at DEBUG only."""

OURS_IN_LIBRARIES = "faust.framework"
"""First part of the names of loggers through which Faust's classes and ours that are made of them speak, and through
which the user does: `app.log`, `agent.log`."""

MANY_KINDS = 500
"""Kinds of lines that are remembered before those are forgotten that may be repeated again: each may name a record."""

REPEAT_AFTER = 10.0
"""Seconds in which a library's line is not repeated: of a broker that is away, aiokafka tells eighty times a second."""


class Chatter(logging.Filter):
    """Lets through what the user and the framework say, and of what the libraries say only what is worth reading.

    That is nothing below WARNING, and each kind of line once in `REPEAT_AFTER` seconds. Who says it is told by the file
    that the call stands in: through `app.log` both the user and Faust speak.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._room = MANY_KINDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be shown."""
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        is_shared = record.name.startswith(OURS_IN_LIBRARIES)
        if is_shared and not record.pathname.startswith(_library_folders()):
            return True
        if record.levelno < logging.WARNING:
            return False
        if record.exc_info:
            return True
        # The text before its values are put in: the same thing said of another node is the same thing. But what our own
        # parts of a library say of another partition is not.
        said = record.getMessage() if is_shared else record.msg
        kind = record.name, f"{record.levelno} {said}"
        if record.created - self._last.get(kind, -REPEAT_AFTER) < REPEAT_AFTER:
            return False
        if len(self._last) >= self._room:
            self._last = {kind: at for kind, at in list(self._last.items()) if record.created - at < REPEAT_AFTER}
            # Not at each line where so many are said within the time.
            self._room = max(MANY_KINDS, 2 * len(self._last))
        self._last[kind] = record.created
        return True


@functools.cache
def _library_folders() -> tuple[str, ...]:
    # Not at the start: whoever has no app in its process has none of Faust either. Who speaks through it has.
    packages = [importlib.import_module(name) for name in ("faust", "mode", "framework")]
    return tuple(f"{folder}{os.sep}" for package in packages for folder in package.__path__)


def configure(level: str = "INFO", fmt: str = "auto", **fields: Any) -> None:
    """Send structlog and the standard library's logging to standard error in one form.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        fmt: `console`, `json`, or `auto`: console on a terminal, JSON otherwise.
        fields: bound to every line of this process.
    """
    as_json = fmt == "json" or (fmt == "auto" and not sys.stderr.isatty())

    def add_fields(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        # A closure and not a context variable: the consumer's thread has a context of its own.
        return {**event, **{name: value for name, value in fields.items() if name not in event}}

    shared: list[Any] = [
        add_fields,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(as_json)],
        )
    )
    if level != "DEBUG":
        handler.addFilter(Chatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(
            level if level == "DEBUG" else max(logging.WARNING, logging.getLevelName(level))
        )
    logging.getLogger(OURS_IN_LIBRARIES).setLevel(level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _renderers(as_json: bool) -> list[Any]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=False)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)]


def flush() -> None:
    """Write out what the handlers hold; for processes that end by `os._exit`."""
    for handler in logging.getLogger().handlers:
        handler.flush()

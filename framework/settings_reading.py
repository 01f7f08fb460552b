"""Collects the raw settings of arguments, environment and `.env`, with the origin of each; judges no value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values

PREFIX = "FRAMEWORK_"
DEFAULT_ENV_FILE = Path(".env")
MISSPELT = 0.85
"""How much a name must resemble a setting (0 to 1, as difflib counts) to be taken for a misspelt one."""
Origin = Literal["default", "environment", ".env", "argument"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found.

    Attributes:
        values: `{field: raw value}` of all fields that some source names.
        origins: `{field: source that won}` for the same fields.
        problems: a sentence for each name that is a misspelt setting, and for an unreadable file.
        strangers: a sentence for each other name with our prefix; it may belong to somebody else.
    """

    values: dict[str, Any]
    origins: dict[str, Origin]
    problems: tuple[str, ...]
    strangers: tuple[str, ...] = ()


def env_name(field: str) -> str:
    """The environment name of a setting: `http_port` is `FRAMEWORK_HTTP_PORT`."""
    return f"{PREFIX}{field.upper()}"


def gather(
    fields: Sequence[str], environ: Mapping[str, str], env_file: Path | None, overrides: Mapping[str, Any]
) -> Gathered:
    """Merge the three sources: an argument wins over the environment, and that over the file."""
    from_file, problems = _read_env_file(env_file)
    layers: tuple[tuple[Origin, Mapping[str, Any]], ...] = (
        (".env", _prefixed(from_file)),
        ("environment", _prefixed(environ)),
        ("argument", overrides),
    )
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    strangers: list[str] = []
    for origin, layer in layers:
        for name, value in layer.items():
            if name not in fields:
                if not _is_service_link(name, value):
                    is_slip = origin == "argument" or get_close_matches(name, fields, n=1, cutoff=MISSPELT)
                    (problems if is_slip else strangers).append(_unknown(name, origin, fields))
            elif value is None and origin == ".env":
                problems.append(
                    f"{env_name(name)} stands in .env without '=' and a value; write {env_name(name)}=value."
                )
            else:
                values[name] = value
                origins[name] = origin
    return Gathered(values, origins, tuple(problems), tuple(strangers))


def _is_service_link(name: str, value: object) -> bool:
    """Whether Kubernetes or Docker put this variable into the container because a service is called `framework`."""
    is_address = isinstance(value, str) and value.startswith(("tcp://", "udp://"))
    return is_address or name.endswith(("service_host", "service_port")) or "_tcp_" in name or "_udp_" in name


def _prefixed(names: Mapping[str, str | None]) -> dict[str, str | None]:
    """`{field: raw value}` of the names with the prefix, in any case; the upper-case spelling wins."""
    return dict(_fields_of(names))


def _fields_of(names: Mapping[str, str | None]) -> Iterator[tuple[str, str | None]]:
    # Upper case sorts before lower case, and the last pair stays in a dict.
    for name in sorted(names, reverse=True):
        if name.upper().startswith(PREFIX):
            yield name[len(PREFIX) :].lower(), names[name]


def _read_env_file(env_file: Path | None) -> tuple[Mapping[str, str | None], list[str]]:
    if env_file is None or (env_file == DEFAULT_ENV_FILE and not env_file.exists()):
        return {}, []
    try:
        with env_file.open(encoding="utf-8") as lines:
            # Without interpolation, so that a '$' in a password means itself and nothing else is read.
            return dotenv_values(stream=lines, interpolate=False), []
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return {}, [f"The settings file {env_file} cannot be read: {why}; make it readable or name another one."]


def _unknown(name: str, origin: Origin, fields: Sequence[str]) -> str:
    spell = str if origin == "argument" else env_name
    where = {"argument": "was given as an argument", ".env": "stands in .env"}.get(origin, "is set in the environment")
    close = get_close_matches(name, fields, n=1, cutoff=0.5)
    advice = f"did you mean {spell(close[0])}?" if close else "remove it; `framework config` lists all settings."
    return f"{spell(name)} {where}, but there is no such setting: {advice}"

"""Turns pydantic's errors and fields into words for people; knows no single setting."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from framework.instance_id import shortened
from framework.settings_reading import env_name

_NOUNS: dict[object, tuple[str, str]] = {
    int: ("a whole number", "whole number"),
    float: ("a number", "number"),
    bool: ("true or false", "true or false"),
    SecretStr: ("text that is not empty", "secret"),
}
_NAMES = "names, comma separated"


def explain_errors(
    error: ValidationError, fields: Mapping[str, FieldInfo], values: Mapping[str, Any]
) -> dict[str, str]:
    """One sentence for each field that failed: `{field: sentence}`, without the value where it is secret."""
    sentences: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        name = str(detail["loc"][0])
        if name in sentences:
            continue
        cause = detail.get("ctx", {}).get("error")
        if detail["type"] == "value_error" and cause is not None:
            sentences[name] = f"{env_name(name)} {cause}"
        else:
            found = "a hidden value" if _is_secret(fields[name]) else shortened(str(values[name]))
            sentences[name] = f"{env_name(name)} is {found}; allowed is {allowed(fields[name])}."
    return sentences


def shown(value: object) -> str:
    """A value as one would write it in the environment; a secret as asterisks, nothing for None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def allowed(field: FieldInfo) -> str:
    """What may be set, for the end of a sentence: `a whole number from 1 to 65535`."""
    kind = _kind(field)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if get_origin(kind) is tuple:
        return _NAMES
    noun = _NOUNS.get(kind, ("text that is not empty", ""))[0]
    return noun + _range(field)


def markdown_table(fields: Mapping[str, FieldInfo]) -> str:
    """The fields as a Markdown table: name, type, default, meaning."""
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = "" if field.default is None else f"`{shown(field.default)}`"
        meaning = " ".join((field.description or "").split())
        rows.append(f"| `{env_name(name)}` | {_type_words(field)} | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in _members(field.annotation)


def _type_words(field: FieldInfo) -> str:
    kind = _kind(field)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return _NAMES
    if kind in _NOUNS:
        return _NOUNS[kind][1] + _range(field)
    return "path" if getattr(kind, "__name__", "") == "Path" else "text"


def _range(field: FieldInfo) -> str:
    bounds = dict(_bounds(field))
    if "ge" in bounds and "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    if "ge" in bounds:
        return f" of at least {bounds['ge']}"
    return f" above {bounds['gt']}" if "gt" in bounds else ""


def _bounds(field: FieldInfo) -> Iterator[tuple[str, Any]]:
    for constraint in (*field.metadata, *_members(field.annotation)):
        for part in (constraint, *getattr(constraint, "metadata", ())):
            for bound in ("ge", "gt", "le"):
                if (value := getattr(part, bound, None)) is not None:
                    yield bound, value


def _kind(field: FieldInfo) -> Any:
    """The type itself, without `Annotated` and `| None`."""
    return next(
        member
        for member in _members(field.annotation)
        if get_origin(member) in (Literal, tuple) or (isinstance(member, type) and member is not type(None))
    )


def _members(annotation: Any) -> Iterator[Any]:
    """The annotation and all that it is made of, outermost first: a union's members, what is inside `Annotated`."""
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation
        if hasattr(annotation, "__metadata__"):
            yield from _members(annotation.__origin__)
            yield from annotation.__metadata__

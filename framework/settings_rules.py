"""The rules that settings keep, alone and with each other; reads nothing but the values and whether files exist."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.instance_id import fault_in_name, shortened
from framework.settings_reading import env_name

if TYPE_CHECKING:
    from framework.settings import Settings

SESSION_LIMITS_MS = (6000, 1800000)
"""Kafka's defaults for `group.min.session.timeout.ms` and `group.max.session.timeout.ms`."""

_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@,]+):([0-9]{1,5})")
_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")
_SSL = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_key_password")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Values that cannot stand together: the fields they are in, and the sentence for the person who set them."""

    fields: frozenset[str]
    sentence: str


def check_name(text: str) -> str:
    """Return `text` if Kafka's rule for instance ids allows it, else raise ValueError with the end of a sentence."""
    if fault := fault_in_name(text):
        raise ValueError(f"is {shortened(text)}, which {fault}; choose 1 to 249 of these characters.")
    return text


def split_names(value: object) -> object:
    """A text with commas as a tuple of its parts; what is no text is left to the type."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def check_bootstrap_servers(text: str) -> str:
    """Return `text` without blanks if it is a list of `host:port`, else raise ValueError with the end of a sentence.

    A value that may hold credentials is not repeated in the message.
    """
    if "@" in text or "://" in text or "%40" in text:
        raise ValueError(
            "holds a scheme or credentials (not shown here); set only host:port in it, the user in "
            "FRAMEWORK_SASL_USERNAME and the password in FRAMEWORK_SASL_PASSWORD."
        )
    brokers = [broker.strip() for broker in text.split(",")]
    for number, broker in enumerate(brokers, start=1):
        match = _BROKER.fullmatch(broker)
        if match is None or not 1 <= int(match[2]) <= 65535:
            raise ValueError(
                f"is {shortened(text)}, and broker {number} of {len(brokers)} in it is not host:port; set for example "
                "127.0.0.1:9092 or [::1]:9092, several with commas between them."
            )
    return ",".join(brokers)


def contradictions(settings: Settings) -> list[Contradiction]:
    """All rules that the values break, in the order of the rules below."""
    return [
        Contradiction(frozenset(fields), sentence)
        for rule in (_timing, _identity, _sasl, _ssl, _files, _store)
        for fields, sentence in rule(settings)
    ]


def session_warnings(settings: Settings) -> tuple[str, ...]:
    """A sentence where the session timeout is outside Kafka's default limits; the broker decides."""
    least, most = SESSION_LIMITS_MS
    if least <= settings.session_timeout_ms <= most:
        return ()
    return (
        f"{_is(settings, 'session_timeout_ms')}, outside the {least} to {most} that a broker allows by default; it "
        "refuses the join unless its group.min.session.timeout.ms and group.max.session.timeout.ms were changed.",
    )


_Found = Iterator[tuple[tuple[str, ...], str]]


def _timing(settings: Settings) -> _Found:
    heartbeat, session = settings.heartbeat_interval_ms, settings.session_timeout_ms
    if heartbeat * 3 > session:
        names = ("heartbeat_interval_ms", "session_timeout_ms")
        yield (
            names,
            f"{_are(settings, names)}: two heartbeats in a row may get lost, so the interval must be at most a third "
            f"of the session; set the interval to at most {session // 3} or the session to at least {heartbeat * 3}.",
        )
    for kind in ("restart", "fenced"):
        names = (f"{kind}_backoff_initial", f"{kind}_backoff_max")
        if getattr(settings, names[0]) > getattr(settings, names[1]):
            yield (
                names,
                f"{_are(settings, names)}: the first wait must not exceed the longest; raise the second or lower the "
                "first.",
            )


def _identity(settings: Settings) -> _Found:
    if settings.instance_id is not None and settings.ordinal is not None:
        names = ("instance_id", "ordinal")
        yield names, f"{_are(settings, names)}: each of them alone decides the instance id; set only one."


def _sasl(settings: Settings) -> _Found:
    given = _given(settings, _SASL)
    if not settings.security_protocol.startswith("SASL_"):
        if given:
            yield (
                (*given, "security_protocol"),
                f"{_are(settings, (*given, 'security_protocol'))}: without SASL nobody logs in; set "
                f"{env_name('security_protocol')} to SASL_SSL or SASL_PLAINTEXT, or remove {_names(given)}.",
            )
    elif missing := tuple(name for name in _SASL if name not in given):
        are = "is" if len(missing) == 1 else "are"
        yield (
            (*missing, "security_protocol"),
            f"{_is(settings, 'security_protocol')} but {_names(missing)} {are} not set: a login needs mechanism, user "
            f"and password; set {_names(missing)}, or {env_name('security_protocol')} to SSL or PLAINTEXT.",
        )


def _ssl(settings: Settings) -> _Found:
    given = _given(settings, _SSL)
    if given and "SSL" not in settings.security_protocol.split("_"):
        yield (
            (*given, "security_protocol"),
            f"{_are(settings, (*given, 'security_protocol'))}: without SSL nothing is encrypted; set "
            f"{env_name('security_protocol')} to SSL or SASL_SSL, or remove {_names(given)}.",
        )
    for name in ("ssl_keyfile", "ssl_key_password"):
        if name in given and "ssl_certfile" not in given:
            yield (
                (name, "ssl_certfile"),
                f"{_is(settings, name)} but {env_name('ssl_certfile')} is not set: a key serves only with its "
                f"certificate; set {env_name('ssl_certfile')} or remove {env_name(name)}.",
            )


def _files(settings: Settings) -> _Found:
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            yield (
                (name,),
                f"{_is(settings, name)}, which is not a file; set the path of a PEM file, or remove the setting.",
            )


def _store(settings: Settings) -> _Found:
    if settings.store == "rocksdb://" and importlib.util.find_spec("rocksdict") is None:
        yield (
            ("store",),
            f"{_is(settings, 'store')} but the package rocksdict is not installed; "
            "install it with `pip install 'framework[rocksdb]'`, or set memory://.",
        )


def _given(settings: Settings, fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if getattr(settings, name) is not None)


def _is(settings: Settings, field: str) -> str:
    value = getattr(settings, field)
    # str() of a SecretStr is a row of asterisks.
    return f"{env_name(field)} is {value if isinstance(value, int | float) else repr(str(value))}"


def _are(settings: Settings, fields: tuple[str, ...]) -> str:
    return _listed([_is(settings, field) for field in fields])


def _names(fields: tuple[str, ...]) -> str:
    return _listed([env_name(field) for field in fields])


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))

"""Kafka's rule for instance ids and other names that become part of one; knows no source of ids."""

import re

from framework.errors import IllegalInstanceIdError

LONGEST = 249
"""Characters that an instance id may have at most (Kafka: `org.apache.kafka.common.internals.Topic`)."""

_LEGAL = re.compile(r"[A-Za-z0-9._-]+")


def fault_in_name(text: str) -> str | None:
    """What breaks Kafka's rule in `text`, as the second half of a sentence; None where it is legal.

    The broker's rule for `group.instance.id` is its rule for topic names (KIP-345): 1 to 249 ASCII letters, digits,
    `.`, `_` and `-`, but neither `.` nor `..`.
    """
    if not text:
        return "is empty"
    if text in (".", ".."):
        return "is a name that Kafka keeps for itself"
    if len(text) > LONGEST:
        return f"has {len(text)} characters, more than the {LONGEST} that Kafka allows"
    # fullmatch, because `$` would let a newline at the end pass.
    if not _LEGAL.fullmatch(text):
        illegal = next(character for character in text if not _LEGAL.fullmatch(character))
        return f"contains {illegal!r}, and Kafka allows only ASCII letters, digits, '.', '_' and '-'"
    return None


def check_instance_id(text: str) -> str:
    """Return `text` if it is a legal `group.instance.id`.

    Raises:
        IllegalInstanceIdError: it is empty, `.`, `..`, longer than 249 characters, or has a character outside
            `[A-Za-z0-9._-]`.
    """
    if fault := fault_in_name(text):
        raise IllegalInstanceIdError(
            f"The instance id {shortened(text)} {fault}; set FRAMEWORK_INSTANCE_ID or FRAMEWORK_SERVICE so that the id "
            f"has 1 to {LONGEST} of these characters."
        )
    return text


def shortened(text: str) -> str:
    """`text` quoted for a message, with everything past 60 characters cut off."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}..."

"""JSON of plain values as orjson writes it, in bytes that take no more memory than they need.

orjson begins with a kilobyte and gives back what is left over, in pieces that the next kilobyte does not fit into. Of
the bytes of many keys that wait to be sent, each would have its kilobyte.
"""

from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

LEAST, MOST = -(2**63), 2**63 - 1
"""What orjson takes of numbers, about."""


def is_plain(value: Any) -> bool:
    """Whether a value of a type that cannot change is sure to be serialized later, and is read as what it was."""
    kind = type(value)
    if kind is int:
        return bool(LEAST <= value <= MOST)
    if kind is str:
        # Python writes a DEL in another way than orjson; and some of those beyond ASCII cannot be written.
        return value.isascii() and "\x7f" not in value
    return kind is bool or (kind is float and value - value == 0)


def dump_plain(value: Any) -> bytes:
    """The JSON of a value that `is_plain`."""
    kind = type(value)
    if kind is int:
        return b"%d" % value
    if kind is str:
        return encode_basestring_ascii(value).encode()
    if kind is bool:
        return b"true" if value else b"false"
    return orjson.dumps(value)


def quick_for_texts(dump: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """As `dump`, which writes JSON as orjson does; plain texts, as most keys are, at once."""

    def dump_key(key: Any) -> bytes:
        if type(key) is str and key.isascii() and "\x7f" not in key:
            return encode_basestring_ascii(key).encode()
        return dump(key)

    return dump_key

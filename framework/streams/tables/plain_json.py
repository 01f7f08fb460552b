"""JSON of plain values as orjson writes it, in bytes that take no more memory than they need.

orjson begins with a kilobyte and gives back what is left over, in pieces that the next kilobyte does not fit into. Of
the bytes of many keys that wait to be sent, each would have its kilobyte.
"""

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
        return bool(value.isascii())  # of the others some have no UTF-8
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

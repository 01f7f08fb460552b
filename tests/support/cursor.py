"""Reads the primitive types of Kafka's wire format; knows no message."""

import struct
from collections.abc import Callable
from typing import TypeVar

Item = TypeVar("Item")


class Cursor:
    """Reads Kafka's primitive types one after the other.

    Args:
        data: what to read.
        at: where to begin; the attribute says where it is now.
        version: of the message, for whoever reads it.
        is_flexible: whether lengths are compact and fields may be tagged (KIP-482).
    """

    def __init__(self, data: bytes, *, at: int = 0, version: int = 0, is_flexible: bool = False) -> None:
        self._data = data
        self.at = at
        self._is_flexible = is_flexible
        self.version = version

    def int16(self) -> int:
        """The next two bytes."""
        return self._number(">h", 2)

    def int32(self) -> int:
        """The next four bytes."""
        return self._number(">i", 4)

    def int64(self) -> int:
        """The next eight bytes."""
        return self._number(">q", 8)

    def text(self) -> str:
        """A string."""
        text = self.nullable_text()
        if text is None:
            raise ValueError("null where a string is required")
        return text

    def nullable_text(self) -> str | None:
        """A string or null."""
        length = self._compact_length() if self._is_flexible else self.int16()
        return None if length < 0 else self._take(length).decode()

    def data(self) -> bytes:
        """Bytes behind their length; empty for null."""
        return self._take(max(0, self._length()))

    def array(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        """As many items as the length says, each read by `item`."""
        return tuple(item() for _ in range(max(0, self._length())))

    def skip_tags(self) -> None:
        """Tagged fields are optional by definition; pass over them."""
        if not self._is_flexible:
            return
        for _ in range(self._varint()):
            self._varint()
            self._take(self._varint())

    def _length(self) -> int:
        return self._compact_length() if self._is_flexible else self.int32()

    def _compact_length(self) -> int:
        return self._varint() - 1  # KIP-482: length + 1, so that 0 is null

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _number(self, layout: str, size: int) -> int:
        return int(struct.unpack(layout, self._take(size))[0])

    def _take(self, size: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        if len(taken) < size:
            raise ValueError(f"record ends after {len(self._data)} bytes, {size} more were expected at {self.at}")
        self.at += size
        return taken

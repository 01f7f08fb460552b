"""One DNS question, the name of an address (PTR), asked of one server over UDP; knows nothing of Docker or identities.

`socket.gethostbyaddr` will not do: it looks into `/etc/hosts` first, where a container finds only its own random name.
"""

import secrets
import socket
import struct
import time
from ipaddress import IPv4Address, IPv6Address

_HEADER = struct.Struct("!HHHHHH")
_QUESTION_TAIL = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_RECURSION_DESIRED = 0x0100
_IS_ANSWER = 0x8000
_RCODE = 0x000F
_PTR, _IN = 12, 1
_LARGEST = 4096


class DnsError(ValueError):
    """Raised when bytes are no answer to the question that was asked; there is nothing to do but to do without."""


def encode_question(address: IPv4Address | IPv6Address, query_id: int) -> bytes:
    """The bytes of a PTR query for `address`; `query_id` is any number of 16 bits (RFC 1035, section 4.1)."""
    labels = address.reverse_pointer.split(".")
    name = b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"
    return _HEADER.pack(query_id, _RECURSION_DESIRED, 1, 0, 0, 0) + name + _QUESTION_TAIL.pack(_PTR, _IN)


def decode_answer(data: bytes, query_id: int) -> str | None:
    """The first PTR name in an answer, without the dot at its end; None where the server knows no name.

    Raises:
        DnsError: the bytes are cut short, loop, or answer another question.
    """
    try:
        answer_id, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        if answer_id != query_id or not flags & _IS_ANSWER:
            raise DnsError("this is no answer to the question that was asked")
        if flags & _RCODE:
            return None
        return _first_ptr(data, _after_questions(data, questions), answers)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DnsError(f"the answer is malformed: {error}") from error


def ptr_name(address: str, *, server: tuple[str, int], timeout: float) -> str | None:
    """Ask `server` (host, port) for the name of `address`; None where no answer comes within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    query_id = secrets.randbits(16)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            # A connected socket takes datagrams of this server only, and hears at once that nobody listens.
            channel.connect(server)
            channel.send(encode_question(_parsed(address), query_id))
            while (left := deadline - time.monotonic()) > 0:
                channel.settimeout(left)
                try:
                    return decode_answer(channel.recv(_LARGEST), query_id)
                except DnsError:
                    continue  # A stray or forged datagram: the real one may still come.
    except (OSError, ValueError):
        return None
    return None


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return IPv6Address(address) if ":" in address else IPv4Address(address)


def _after_questions(data: bytes, questions: int) -> int:
    offset = _HEADER.size
    for _ in range(questions):
        _, offset = _read_name(data, offset)
        offset += _QUESTION_TAIL.size
    return offset


def _first_ptr(data: bytes, offset: int, answers: int) -> str | None:
    for _ in range(answers):
        _, offset = _read_name(data, offset)
        kind, klass, _, length = _RECORD.unpack_from(data, offset)
        offset += _RECORD.size
        if (kind, klass) == (_PTR, _IN):
            return _read_name(data, offset)[0]
        offset += length
    return None


def _read_name(data: bytes, offset: int) -> tuple[str, int]:
    """The name at `offset` and the offset after it; a pointer leads to an earlier name (RFC 1035, section 4.1.4)."""
    labels: list[str] = []
    after = None
    while (length := data[offset]) != 0:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | data[offset + 1]
            after = offset + 2 if after is None else after
            # Pointers that only ever lead backwards cannot loop.
            if target >= offset:
                raise DnsError("a name points forwards")
            offset = target
        elif length > 63:
            raise DnsError("a label has an unknown form")
        else:
            label = data[offset + 1 : offset + 1 + length]
            if len(label) < length:
                raise DnsError("a label is cut short")
            labels.append(label.decode("ascii"))
            offset += 1 + length
            if len(labels) > 127:
                raise DnsError("a name has too many labels")
    return ".".join(labels), offset + 1 if after is None else after

"""The PTR question and its answer, as bytes and over a real UDP socket."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.identity.ptr import DnsError, decode_answer, encode_question, ptr_name

NAME = "shop-flights-3.shop_default"


def as_labels(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def answer_to(question: bytes, name: str = NAME, *, flags: int = 0x8180, extra: bytes = b"", extras: int = 0) -> bytes:
    """An answer as Docker's server gives it: the question again, then a record whose owner points to it."""
    head = question[:2] + struct.pack("!HHHHH", flags, 1, 1 + extras, 0, 0)
    target = as_labels(name)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 12, 1, 600, len(target)) + target
    return head + question[12:] + extra + record


def test_the_question_as_bytes() -> None:
    assert encode_question(ip_address("172.18.0.4"), 0x1234) == (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        b"\x014\x010\x0218\x03172\x07in-addr\x04arpa\x00\x00\x0c\x00\x01"
    )


def test_the_question_for_ipv6() -> None:
    assert as_labels(ip_address("fd00::4").reverse_pointer) in encode_question(ip_address("fd00::4"), 1)


def test_the_name_in_an_answer() -> None:
    assert decode_answer(answer_to(encode_question(ip_address("172.18.0.4"), 7)), 7) == NAME


def test_other_records_are_passed_over() -> None:
    cname = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 600, 3) + b"\x01x\0"
    question = encode_question(ip_address("172.18.0.4"), 7)
    assert decode_answer(answer_to(question, extra=cname, extras=1), 7) == NAME


def test_a_compressed_name() -> None:
    question = encode_question(ip_address("172.18.0.4"), 7)
    target = b"\x01w\xc0\x0c"
    data = question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question[12:]
    data += b"\xc0\x0c" + struct.pack("!HHIH", 12, 1, 600, len(target)) + target
    assert decode_answer(data, 7) == "w.4.0.18.172.in-addr.arpa"


def test_an_unknown_name_is_none() -> None:
    question = encode_question(ip_address("172.18.0.4"), 7)
    nothing = question[:2] + struct.pack("!HHHHH", 0x8183, 1, 0, 0, 0) + question[12:]
    assert decode_answer(nothing, 7) is None


def test_what_is_no_answer_is_refused() -> None:
    question = encode_question(ip_address("172.18.0.4"), 7)
    looping = question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + b"\xc0\x0c\x00\x0c\x00\x01"
    for data in (question, answer_to(question, flags=0x0100), looping, b"", answer_to(question)[:-9]):
        with pytest.raises(DnsError):
            decode_answer(data, 7)
    with pytest.raises(DnsError):
        decode_answer(answer_to(question), 8)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_name_or_an_error(data: bytes) -> None:
    with suppress(DnsError):
        decode_answer(b"\0\x07\x81\x80\0\x01\0\x02\0\0\0\0" + data, 7)


@contextmanager
def dns_server(reply: Callable[[bytes], list[bytes]]) -> Iterator[tuple[str, int]]:
    """A UDP server on loopback that answers one question with the datagrams of `reply`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(5)

        def serve() -> None:
            question, client = channel.recvfrom(4096)
            for data in reply(question):
                channel.sendto(data, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield channel.getsockname()
        finally:
            thread.join()


def test_a_server_is_asked() -> None:
    with dns_server(lambda question: [answer_to(question)]) as server:
        assert ptr_name("172.18.0.4", server=server, timeout=5) == NAME


def test_stray_datagrams_are_passed_over() -> None:
    def reply(question: bytes) -> list[bytes]:
        foreign = bytes([question[0] ^ 1]) + question[1:]
        return [b"noise", answer_to(foreign, "somebody.else"), answer_to(question)]

    with dns_server(reply) as server:
        assert ptr_name("172.18.0.4", server=server, timeout=5) == NAME


def test_silence_is_none_within_the_time_limit() -> None:
    with dns_server(lambda question: []) as server:
        before = time.monotonic()
        assert ptr_name("172.18.0.4", server=server, timeout=0.05) is None
        assert time.monotonic() - before < 2


def test_nobody_there_and_no_address_are_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        free = channel.getsockname()
    assert ptr_name("172.18.0.4", server=free, timeout=0.2) is None
    assert ptr_name("not an address", server=free, timeout=0.2) is None

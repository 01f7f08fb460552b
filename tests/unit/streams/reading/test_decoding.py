"""Keys and values are read as Faust reads them, for all codecs and types, and fail where it fails."""

import asyncio
import pickle
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

import faust
import orjson
import pytest
from faust.exceptions import DecodeError
from faust.serializers import codecs
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.reading.decoding import BLESSED, Decoding
from framework.streams.reading.events import Event, Reader
from framework.streams.reading.runs import Slice
from tests.unit.membership.apps import offline_app
from tests.unit.streams.tabled import SOURCE, message_of


class Flight(faust.Record, namespace="tests.Flight"):
    number: int
    origin: str = "MUC"


class Blessed(faust.Record, namespace="tests.Blessed", allow_blessed_key=True):
    number: int


class Packed(faust.Record, namespace="tests.Packed", serializer="binary|json"):
    number: int


class Upper(codecs.Codec):
    """A codec of the app's own."""

    def _loads(self, s: bytes) -> Any:
        return s.decode().upper()

    def _dumps(self, s: Any) -> bytes:
        return str(s).encode()


TYPES = (None, bytes, str, int, float, Decimal, Flight, Blessed, Packed, faust.Record)
CODECS = (None, "json", "raw", "binary", "pickle_restricted", "yaml", "binary|json", codecs.json(), Upper())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
namespaces = st.sampled_from(["tests.Flight", "tests.Blessed", "nobody.knows", 3])
blessed = st.fixed_dictionaries(
    {BLESSED: st.fixed_dictionaries({"ns": namespaces}) | st.just("x")}, optional={"number": st.integers(0, 9)}
)
flights = st.fixed_dictionaries({"number": st.integers(0, 9) | st.text(max_size=2)}, optional={"origin": st.text()})
raws = (
    st.none()
    | st.binary(max_size=8)
    | (json_values | blessed | flights).map(orjson.dumps)
    | (json_values | flights).map(orjson.dumps).map(lambda raw: codecs.dumps("binary", raw))
    | json_values.map(pickle.dumps)
    | st.sampled_from([b"", b"1", b"1.5", b'"x"', b"null", b"{", b"{}", b"[]", "é".encode(), b"\xff", b" 7 "])
)


@cache
def app() -> Any:
    return new_app()


def new_app() -> Any:
    # On a loop: without one Faust makes one, which nobody closes.
    async def make() -> Any:
        return offline_app(store="memory://")

    return asyncio.run(make())


def outcome(read: Callable[[], Any]) -> tuple[Any, ...]:
    """What is read, with its type, or the class of the error."""
    try:
        found = read()
    except DecodeError as error:
        return (type(error),)
    return type(found), found


def channel_of(**options: Any) -> Any:
    return app().topic("flights", **options)


def faust_event(channel: Any, *, key: bytes | None, value: bytes | None) -> Any:
    return asyncio.run(channel.decode(message_of(SOURCE, 1, key=key, value=value), propagate=True))  # type: ignore[arg-type]


@given(typ=st.sampled_from(TYPES), codec=st.sampled_from(CODECS), allow_empty=st.sampled_from([None, True]), raw=raws)
def test_value_is_that_of_faust(typ: Any, codec: Any, allow_empty: bool | None, raw: bytes | None) -> None:
    channel = channel_of(value_type=typ, value_serializer=codec, allow_empty=allow_empty)
    load = Decoding(app(), channel).load_value
    assert load is not None
    assert outcome(lambda: load(raw)) == outcome(lambda: faust_event(channel, key=None, value=raw).value)


@given(typ=st.sampled_from(TYPES), codec=st.sampled_from(CODECS), raw=raws)
def test_key_is_that_of_faust(typ: Any, codec: Any, raw: bytes | None) -> None:
    channel = channel_of(key_type=typ, key_serializer=codec, value_serializer="raw")
    reader = Reader(app(), Decoding(app(), channel), print)
    record = SimpleNamespace(offset=1, key=raw)
    event = Event(reader, Slice(SOURCE, [record], 1), record, None)
    assert outcome(lambda: event.key) == outcome(lambda: faust_event(channel, key=raw, value=b"").key)


@given(raw=raws.filter(lambda raw: raw is not None))
def test_json_is_what_orjson_says_unless_it_fails_or_is_blessed(raw: bytes) -> None:
    decoding = Decoding(app(), channel_of())
    assert decoding.is_json
    assert decoding.load_value is not None
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        assert issubclass(outcome(lambda: decoding.load_value(raw))[0], DecodeError)  # type: ignore[misc]
        return
    if not (type(found) is dict and BLESSED in found):
        assert outcome(lambda: decoding.load_value(raw)) == (type(found), found)  # type: ignore[misc]


class TestWhatIsWorkedOut:
    @pytest.mark.parametrize(
        ("options", "is_json"),
        [
            ({}, True),
            ({"value_serializer": "json"}, True),
            ({"value_serializer": "raw"}, False),
            ({"value_type": Flight}, False),
            ({"value_type": int}, False),
            ({"value_serializer": "binary|json"}, False),
        ],
    )
    def test_plain_json(self, options: Any, is_json: bool) -> None:
        assert Decoding(app(), channel_of(**options)).is_json is is_json

    def test_key_that_is_its_bytes_is_not_read(self) -> None:
        for options in ({"key_type": bytes}, {"key_type": bytes, "key_serializer": "raw"}):
            assert Decoding(app(), channel_of(**options)).load_key is None

    def test_key_of_another_kind_is_read(self) -> None:
        assert Decoding(app(), channel_of(key_type=str)).load_key is not None

    def test_json_codec_of_another_name(self) -> None:
        assert Decoding(app(), channel_of(value_serializer=codecs.json())).is_json
        assert not Decoding(app(), channel_of(value_serializer=Upper())).is_json


class TestSomethingOfTheUsersOwn:
    """Only the channel itself can decode then."""

    @staticmethod
    def is_left_to_the_channel(app_: Any, channel: Any) -> bool:
        decoding = Decoding(app_, channel)
        return decoding.load_value is None and decoding.load_key is None and not decoding.is_json

    def test_schema(self) -> None:
        class Schema(faust.Schema):
            pass

        assert self.is_left_to_the_channel(app(), channel_of(schema=Schema()))

    def test_schema_of_fausts_with_types(self) -> None:
        assert not self.is_left_to_the_channel(app(), channel_of(schema=faust.Schema(value_type=Flight)))

    def test_class_of_events(self) -> None:
        own = new_app()
        own.conf.Event = type("Event", (faust.Event,), {})
        assert self.is_left_to_the_channel(own, own.topic("flights"))

    def test_registry(self) -> None:
        own = new_app()
        own.serializers = type("Registry", (type(own.serializers),), {})()
        assert self.is_left_to_the_channel(own, own.topic("flights"))

    def test_channel_without_a_topic(self) -> None:
        assert self.is_left_to_the_channel(app(), app().channel())


def test_memory_error_is_no_decode_error() -> None:
    class Greedy(Upper):
        def _loads(self, s: bytes) -> Any:
            raise MemoryError

    decoding = Decoding(app(), channel_of(value_serializer=Greedy(), key_serializer=Greedy()))
    for load in (decoding.load_value, decoding.load_key):
        assert load is not None
        with pytest.raises(MemoryError):
            load(b"")

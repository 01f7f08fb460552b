"""Faust's serialization of keys and values, put together once for a topic; the bytes are Faust's."""

from collections.abc import Callable
from typing import Any

import faust
from faust.serializers import codecs
from faust.serializers.registry import Registry

Dump = Callable[[Any], Any]
"""Gives the bytes of a key or a value; None for none."""

JSON_TYPES = frozenset({dict, list, tuple, str, int, float, bool, type(None)})
"""Types that are none of Faust's models, and that its registry hands on to the codec as they are."""


def can_compile(app: Any, schema: Any) -> bool:
    """Whether all of it is Faust's own, so that nothing of a user's is skipped."""
    return type(schema) is faust.Schema and type(app.serializers) is Registry


def key_dump(app: Any, schema: faust.Schema) -> Dump:
    """As `SerializedChannel.prepare_key`, for a topic whose schema `can_compile`."""
    registry = app.serializers
    codec = registry._serializer(schema.key_type, schema.key_serializer, registry.key_serializer)

    def as_faust(key: Any) -> Any:
        dumped = registry.dumps_key(schema.key_type, key, serializer=schema.key_serializer)
        # Partitions are remembered by key.
        return bytes(dumped) if type(dumped) in (bytearray, memoryview) else dumped

    dump = _dump(codec, as_faust)

    def dump_or_none(key: Any) -> Any:
        return None if key is None else dump(key)

    return dump_or_none


def value_dump(app: Any, schema: faust.Schema) -> Dump:
    """As `SerializedChannel.prepare_value`, for a topic whose schema `can_compile`."""
    registry = app.serializers
    codec = registry._serializer(schema.value_type, schema.value_serializer, registry.value_serializer)

    def as_faust(value: Any) -> Any:
        return registry.dumps_value(schema.value_type, value, serializer=schema.value_serializer)

    return _dump(codec, as_faust)


def _dump(codec: Any, as_faust: Dump) -> Dump:
    kind = _only(codec) if codec else None
    if kind is codecs.json:
        return _json_dump(as_faust)
    return _raw_dump(as_faust) if kind is codecs.raw else as_faust


def _only(codec: Any) -> type | None:
    """The class of a codec that is not a chain; None of a chain, and of what is not known."""
    try:
        found = codecs.get_codec(codec)
    except KeyError:
        return None
    return type(found) if getattr(found, "nodes", ()) == (found,) else None


def _json_dump(as_faust: Dump) -> Dump:
    dumps, types = codecs._json.dumps, JSON_TYPES

    def dump(thing: Any) -> Any:
        kind = type(thing)
        if kind is bytes:
            return thing
        if kind not in types:
            return as_faust(thing)
        dumped = dumps(thing)
        # Without orjson it is text.
        return dumped if type(dumped) is bytes else dumped.encode()

    return dump


def _raw_dump(as_faust: Dump) -> Dump:
    def dump(thing: Any) -> Any:
        kind = type(thing)
        if kind is str:
            return thing.encode()
        return thing if kind is bytes else as_faust(thing)

    return dump

"""How a channel's records become keys and values: what Faust's schema does, worked out once instead of for each."""

from collections.abc import Callable
from typing import Any, cast

import faust
import orjson
from faust.exceptions import DecodeError, KeyDecodeError, ValueDecodeError
from faust.models.base import Model
from faust.serializers import codecs
from faust.serializers.registry import Registry
from faust.utils import json as faust_json

from framework.streams.delivering import DeliveringApp

Load = Callable[[Any], Any]

BLESSED = "__faust"
"""In a dict it names the model that the dict is to become (`Model._blessed_key`)."""


class Decoding:
    """How one channel's keys and values are read.

    Attributes:
        load_value: gives a value of its bytes; None where only the channel itself can do that, because somebody has put
            something of their own in Faust's place: a schema, a registry, a class of events.
        load_key: the same for keys; None where a key is its bytes, and nothing has to be read.
        is_json: whether a value is what `orjson.loads` gives, unless that fails or gives a dict with `BLESSED` in it.
            Then `load_value` knows what to do.
    """

    def __init__(self, app: Any, channel: Any) -> None:
        self.load_value: Load | None = None
        self.load_key: Load | None = None
        self.is_json = False
        if _is_plain(app, channel):
            schema, registry = channel.schema, app.serializers
            self.load_value = _value_loader(schema, registry)
            self.is_json = schema.value_type is None and _codec_loader(_serializer(schema, registry)) is orjson.loads
            self.load_key = _key_loader(schema, registry)


def _is_plain(app: Any, channel: Any) -> bool:
    return (
        type(channel.schema) is faust.Schema
        and type(app.serializers) is Registry
        and app.conf.Event is faust.Event
        and type(app).create_event is DeliveringApp.create_event
        and isinstance(channel, faust.Topic)
        and type(channel)._compile_decode is faust.Topic._compile_decode
    )


def _value_loader(schema: Any, registry: Registry) -> Load:
    typ = schema.value_type
    load = _loader(typ, _serializer(schema, registry), registry, ValueDecodeError)
    if not schema.allow_empty:
        return load
    return lambda raw: None if raw is None else load(raw)


def _serializer(schema: Any, registry: Registry) -> Any:
    return registry._serializer(schema.value_type, schema.value_serializer, registry.value_serializer)


def _key_loader(schema: Any, registry: Registry) -> Load | None:
    typ, serializer = schema.key_type, schema.key_serializer or registry.key_serializer
    if typ in {None, bytes} and serializer in {None, "", "raw"}:
        return None
    return _loader(typ, serializer, registry, KeyDecodeError)


def _loader(typ: Any, serializer: Any, registry: Registry, failure: type[DecodeError]) -> Load:
    """Gives an object of its bytes; whatever goes wrong is a `failure`."""
    load, finish = _codec_loader(serializer), _finisher(typ, registry)
    is_model = isinstance(typ, type) and issubclass(typ, Model)

    def load_one(raw: Any) -> Any:
        if raw is None:
            if is_model:
                raise failure(f"Expected {typ!r}, received {raw!r}!")
            return None
        try:
            return finish(load(raw))
        except MemoryError:
            raise
        except Exception as error:
            raise failure(str(error)).with_traceback(error.__traceback__) from error

    return load_one


def _codec_loader(serializer: Any) -> Load:
    if not serializer:
        return _same
    codec: Any = codecs.get_codec(serializer)
    if type(codec) is codecs.json and not codec.children and faust_json.orjson is orjson:
        return orjson.loads
    if type(codec) is codecs.raw and not codec.children:
        return _same
    return cast("Load", codec.loads)


def _finisher(typ: Any, registry: Registry) -> Load:
    if isinstance(typ, type) and issubclass(typ, Model):
        from_data: Any = typ.from_data  # type: ignore[attr-defined]

        def to_model(data: Any) -> Any:
            return from_data(data, preferred_type=typ)

        return to_model
    if typ is bytes:
        return lambda data: data if type(data) is bytes else registry._prepare_payload(typ, data)
    return lambda data: registry._prepare_payload(typ, data)


def _same(raw: Any) -> Any:
    return raw

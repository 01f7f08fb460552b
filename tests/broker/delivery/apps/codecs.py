"""Topics with every kind of key and value, and with records that do not decode."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import faust

from tests.broker.delivery.apps.base import GROUP, app, note, noted, out, source


class Point(faust.Record):
    """A part of another record."""

    x: int
    y: int = 7


class Shape(faust.Record, coerce=True, namespace="delivery.shape"):
    """One with everything in it."""

    name: str
    points: list[Point]
    by_name: dict[str, Point]
    at: datetime
    price: Decimal
    maybe: Point | None = None


class Place(faust.Record, namespace="delivery.place"):
    """A key."""

    city: str


class Shouting(faust.Schema):
    """A schema that reads everything its own way."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> Any:
        return (message.key or b"").decode().upper()

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:
        return [dict(message.headers).get("h"), message.value.decode().upper()]

    def dumps_value(self, app: Any, value: Any, *, headers: Any, **kwargs: Any) -> Any:
        return b"shout:" + str(value).encode(), {**dict(headers or {}), "made": b"by schema"}


def reads(name: str, feature: str, **options: Any) -> None:
    """Make an agent that notes key and value of a topic, and sends them on with the same description."""
    copies = out(f"{feature}-copy", **options)

    @app.agent(source(name, **options), name=f"reads_{feature}")
    async def read(stream: Any) -> None:
        async for event in stream.events():
            noted(feature, event, key=event.key, value=event.value, types=_types(event))
            await copies.send(key=event.key, value=event.value, partition=event.message.partition)


def _types(event: Any) -> list[str]:
    return [type(event.key).__name__, type(event.value).__name__]


reads("plain", "str-key", key_type=str, key_serializer=None)
reads("plain", "bytes-key", key_type=bytes, key_serializer=None, value_type=bytes)
reads("plain", "raw", value_serializer="raw")
reads("plain", "no-types", key_serializer=None, value_serializer=None)
reads("plain", "text", value_type=str, value_serializer="raw")
reads("numbers", "int-key", key_type=int, key_serializer="json", value_type=int)
reads("pickled", "pickle", value_serializer="pickle_restricted")
reads("pickled", "pickle-any", value_serializer="pickle")
reads("binary", "binary", value_serializer="json|binary")
reads("binary", "binary-alone", value_serializer="binary")
reads("numbers", "yaml", key_type=int, key_serializer="yaml", value_serializer="yaml")
reads("shapes", "record", value_type=Shape, key_type=Place, key_serializer="json")
reads("shapes", "record-untyped", key_serializer="json")
reads("plain", "schema", schema=Shouting(), key_serializer=None, value_serializer=None)
reads("nulls", "nulls", key_type=str, key_serializer=None)
reads("nulls", "nulls-bytes", value_type=bytes, allow_empty=True)
reads("null-points", "nulls-allowed", value_type=Point, allow_empty=True)


class Tolerant(type(app.topic("any"))):  # type: ignore[misc]
    """A topic whose errors are noted; nothing is thrown into the agent."""

    async def on_key_decode_error(self, exc: Exception, message: Any) -> None:
        await self.on_decode_error(exc, message)
        note("undecodable-key", offset=message.offset, error=type(exc).__name__)

    async def on_value_decode_error(self, exc: Exception, message: Any) -> None:
        await self.on_decode_error(exc, message)
        note("undecodable-value", offset=message.offset, error=type(exc).__name__)

    async def on_decode_error(self, exc: Exception, message: Any) -> None:
        note("undecodable", offset=message.offset)


def tolerant(name: str, **options: Any) -> Any:
    return Tolerant(app, topics=[source(name).get_topic_name()], **options)


@app.agent(tolerant("undecodable", key_type=int, key_serializer="json", value_serializer="json"))
async def undecodable(stream: Any) -> None:
    async for key, value in stream.items():
        noted("decodable", key=key, value=value)


@app.agent(tolerant("unfitting", value_type=Point))
async def unfitting(stream: Any) -> None:
    async for value in stream:
        noted("fitting", value=value)


@app.agent(app.topic(pattern=f"^{GROUP}-.*-by-pattern$"))
async def by_pattern(stream: Any) -> None:
    async for value in stream:
        note("pattern", value=value)

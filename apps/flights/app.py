"""The app: agents that keep a carrier's statistics, raise alerts and keep what is malformed; ordinary Faust.

Delivery is at least once: a worker that is killed leaves records done and not yet committed. They are processed again,
and their alerts sent again; the totals count none twice.
"""

from typing import Any

from apps.flights import topics
from apps.flights.model import Flight, MalformedFlightError, decode, encode
from apps.flights.statistics import CarrierStatistics, needs_alert
from framework import App

RAW = {"key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"}
"""Bytes in, bytes out: Faust acknowledges a value that it cannot decode as if it were done, so the app decodes."""

app = App(topics.APP_ID)

# `internal` is Faust's word for a topic that the app creates itself where it is missing.
flights_topic = app.topic(topics.FLIGHTS, partitions=topics.PARTITIONS, internal=True, **RAW)
alerts_topic = app.topic(topics.ALERTS, partitions=topics.PARTITIONS, **RAW)
malformed_topic = app.topic(topics.MALFORMED, partitions=topics.PARTITIONS, **RAW)

statistics = app.Table(topics.STATISTICS_TABLE, partitions=topics.PARTITIONS, key_type=str)
malformed = app.Table(topics.MALFORMED_TABLE, partitions=topics.PARTITIONS, key_type=str)


@app.task
async def create_topics() -> None:
    """Create the topics that are only written to: Faust creates none of those."""
    await alerts_topic.maybe_declare()
    await malformed_topic.maybe_declare()


@app.agent(flights_topic)
async def keep_statistics(stream: Any) -> None:
    """Bring each flight into its carrier's statistics, or keep it as malformed."""
    async for event in stream.events():
        try:
            flight = decode(event.value, event.key)
        except MalformedFlightError as error:
            await keep_malformed(event, error)
            continue
        known = CarrierStatistics.from_json(statistics.get(flight.carrier))
        statistics[flight.carrier] = known.with_flight(flight).as_json()
        if needs_alert(flight):
            await raise_alert(event, flight)


async def raise_alert(event: Any, flight: Flight) -> None:
    """Send the flight to the alerts; that Kafka has it is waited for before the flight's offset is committed."""
    row = event.headers.get(topics.ROW_HEADER, b"")
    await alerts_topic.send(key=event.key, value=encode(flight), headers={topics.ROW_HEADER: row})


async def keep_malformed(event: Any, error: MalformedFlightError) -> None:
    """Keep the record as it came, with the reason in headers, and count it."""
    message = event.message
    headers = [
        *(message.headers or ()),
        (topics.REASON_HEADER, error.reason.value.encode()),
        (topics.DETAIL_HEADER, error.detail.encode()),
        (topics.SOURCE_HEADER, f"{message.topic}/{message.partition}/{message.offset}".encode()),
    ]
    await malformed_topic.send(key=message.key, value=message.value, headers=headers, partition=message.partition)
    key = f"{message.partition}/{error.reason}"
    malformed[key] = malformed.get(key, 0) + 1

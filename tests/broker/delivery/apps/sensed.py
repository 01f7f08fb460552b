"""An app that is watched: by a sensor of its own, or by Faust's Prometheus sensor.

BOTH_SENSOR  `own` or `prometheus`
"""

import os
from collections import Counter
from typing import Any

import faust

from tests.broker.delivery.apps.base import app, out, source

calls: Counter[str] = Counter()


class Own(faust.Sensor):
    """Counts what it is told."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        calls["message_in"] += message.offset == offset and message.tp == tp

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        calls["message_out"] += message.offset == offset

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> dict[str, int]:
        calls["event_in"] += event.message.offset == offset
        return {"offset": offset}

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        calls["event_out"] += state == {"offset": offset}

    def on_table_get(self, table: Any, key: Any) -> None:
        calls["table_get"] += 1

    def on_table_set(self, table: Any, key: Any, value: Any) -> None:
        calls["table_set"] += 1

    def on_send_initiated(self, producer: Any, topic: str, message: Any, keysize: int, valsize: int) -> str:
        calls["send_initiated"] += topic.endswith("-copies")
        return topic

    def on_send_completed(self, producer: Any, state: Any, metadata: Any) -> None:
        calls["send_completed"] += state.endswith("-copies")


counts = app.Table("counts", default=int, partitions=2)

if os.environ["BOTH_SENSOR"] == "own":
    app.sensors.add(Own())
else:
    from faust.sensors.prometheus import setup_prometheus_sensors

    setup_prometheus_sensors(app, pattern="/metrics/", name_prefix="p")


@app.agent(source("sensed"), name="sensed")
async def sensed(stream: Any) -> None:
    async for value in stream:
        counts[value["n"]] += 1
        await out("copies").send(key=b"k", value=value)


@app.page("/calls/")
async def show_calls(self: Any, request: Any) -> Any:
    return self.json(dict(calls))

"""What Faust's monitors count of records that are sent, counted by the batch."""

from collections.abc import Iterable
from typing import Any

from faust.sensors.monitor import Monitor

from framework.streams.sending.sent import Parcel
from framework.streams.sensors import is_prometheus


def count_batch(sensors: Iterable[Any], parcel: Parcel, seconds: float) -> None:
    """Count the records of a batch that has been sent or has failed.

    Args:
        sensors: only those that `can_hear_of_many` knows are told.
        parcel: the batch.
        seconds: since its first record was posted; stands for all its records.
    """
    has_failed = parcel.error is not None
    for sensor in sensors:
        has_metrics = is_prometheus(sensor)
        if type(sensor) is Monitor or has_metrics:
            sensor.messages_sent += parcel.posted
            sensor.messages_sent_by_topic[parcel.topic] += parcel.posted
            if has_failed:
                sensor.send_errors += parcel.posted
            elif parcel.posted:
                sensor.send_latency.append(seconds)
        if has_metrics:
            _to_prometheus(sensor._metrics, parcel, sensor.secs_to_ms(seconds), has_failed)


def _to_prometheus(metrics: Any, parcel: Parcel, ms: float, has_failed: bool) -> None:
    metrics.topic_messages_sent.labels(topic=f"topic.{parcel.topic}").inc(parcel.posted)
    if has_failed:
        total, latency = metrics.total_error_messages_sent, metrics.producer_error_send_latency
    else:
        total, latency = metrics.total_sent_messages, metrics.producer_send_latency
    total.inc(parcel.posted)
    # A histogram has no way to take in many at once.
    for _ in range(parcel.posted):
        latency.observe(ms)

"""What Faust's monitors count an event, counted by the chunk: the numbers are the same."""

from time import monotonic
from typing import Any

from faust.sensors.monitor import Monitor

from framework.streams.reading.runs import Slice
from framework.streams.sensors import can_hear_of_many


def count_in_bulk(sensors: Any, stream: Any, part: Slice) -> "Counting | None":
    """A way to count a slice's events for all sensors; None if one of them has to hear of each event."""
    found = list(sensors)
    return Counting(found, stream, part) if can_hear_of_many(found) else None


class Counting:
    """Tells monitors of the events that one stream has of one slice.

    They are counted after milliseconds, or with the event whose body takes longer. From the beginning to the end
    `messages_active` and `events_active` say 1 for it, as they would.
    """

    def __init__(self, monitors: list[Any], stream: Any, part: Slice) -> None:
        self._monitors, self._stream, self._tp, self._is_first = monitors, stream, part.tp, part.is_first
        self._active(1)

    def end(self) -> None:
        """No more will come."""
        self._active(-1)

    def count(self, last: int, number: int, seconds: float) -> None:
        """Count some events.

        Args:
            last: offset of the last of them.
            number: how many.
            seconds: that they took.
        """
        if not number:
            return
        stream, tp = self._stream, self._tp
        for monitor in self._monitors:
            if self._is_first:
                monitor.messages_received_total += number
                monitor.messages_received_by_topic[tp.topic] += number
                monitor.tp_read_offsets[tp] = last
            monitor.events_total += number
            monitor.stream_inbound_time[tp] = monotonic()
            monitor.events_by_stream[_name(monitor.stream_lookup, stream)] += number
            monitor.events_by_task[_name(monitor.task_lookup, stream.task_owner)] += number
            monitor.events_runtime.append(seconds / number)
            if type(monitor) is not Monitor:
                self._to_prometheus(monitor, last, number, seconds)

    def _active(self, step: int) -> None:
        for monitor in self._monitors:
            monitor.events_active += step
            if self._is_first:
                monitor.messages_active += step
            if type(monitor) is not Monitor:
                monitor._metrics.total_active_events.inc(step)
                if self._is_first:
                    monitor._metrics.active_messages.inc(step)

    def _to_prometheus(self, monitor: Any, last: int, number: int, seconds: float) -> None:
        metrics, tp = monitor._metrics, self._tp
        if self._is_first:
            metrics.messages_received.inc(number)
            metrics.messages_received_per_topics.labels(topic=tp.topic).inc(number)
            metrics.messages_received_per_topics_partition.labels(topic=tp.topic, partition=tp.partition).set(last)
        metrics.total_events.inc(number)
        label = f"stream.{monitor._stream_label(self._stream)}.events"
        metrics.total_events_per_stream.labels(stream=label).inc(number)
        # A histogram has no way to take in many; the mean of each is what is known.
        mean = monitor.secs_to_ms(seconds / number)
        for _ in range(number):
            metrics.events_runtime_latency.observe(mean)


def _name(names: Any, thing: Any) -> str:
    if thing is None:
        return str(thing)
    name = names.get(thing)
    if name is None:
        name = names[thing] = str(thing)
    return str(name)

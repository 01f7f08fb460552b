"""What Faust's sensors count of a table, without a call for each access where only its monitors listen."""

from typing import Any

from faust.sensors.monitor import Monitor

from framework.streams.sensors import is_prometheus


class Tally:
    """Counts accesses to one table.

    Attributes:
        state: Faust's counters of the table, if its plain monitor is the only sensor; to be counted up in place.
        sensors: Faust's set of them.
        size: how many there were; with another one this tally is outdated.
    """

    __slots__ = ("_states", "_table", "sensors", "size", "state")

    def __init__(self, table: Any) -> None:
        self._table = table
        self.sensors = table.app.sensors._sensors
        self.size = len(self.sensors)
        self._states = [_State(sensor, table) for sensor in self.sensors]
        only: Any = next(iter(self.sensors)) if self.size == 1 else None
        self.state: Any = only._table_or_create(table) if type(only) is Monitor else None

    def got(self, key: Any) -> None:
        """A key was looked up."""
        for state in self._states:
            state.got(self._table, key)

    def was_set(self, key: Any, value: Any) -> None:
        """A key was set."""
        for state in self._states:
            state.was_set(self._table, key, value)

    def was_deleted(self, key: Any) -> None:
        """A key was deleted."""
        for state in self._states:
            state.was_deleted(self._table, key)


class _State:
    """One sensor's counters of one table."""

    __slots__ = ("got", "was_deleted", "was_set")

    def __init__(self, sensor: Any, table: Any) -> None:
        self.got, self.was_set, self.was_deleted = sensor.on_table_get, sensor.on_table_set, sensor.on_table_del
        if is_prometheus(sensor):
            self._count_at(sensor, sensor._table_or_create(table), f"table.{table.name}")

    def _count_at(self, sensor: Any, state: Any, name: str) -> None:
        """To look a counter of Prometheus's up costs more than the rest of the access."""
        labels = sensor._metrics.table_operations.labels
        got = labels(table=name, operation=sensor.KEYS_RETRIEVED).inc
        was_set = labels(table=name, operation=sensor.KEYS_UPDATED).inc
        was_deleted = labels(table=name, operation=sensor.KEYS_DELETED).inc

        def count_got(table: Any, key: Any) -> None:  # noqa: ARG001 - as the sensor's
            state.keys_retrieved += 1
            got()

        def count_set(table: Any, key: Any, value: Any) -> None:  # noqa: ARG001
            state.keys_updated += 1
            was_set()

        def count_deleted(table: Any, key: Any) -> None:  # noqa: ARG001
            state.keys_deleted += 1
            was_deleted()

        self.got, self.was_set, self.was_deleted = count_got, count_set, count_deleted

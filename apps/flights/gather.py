"""Reads what the app left in Kafka: both tables' changelogs, the alerts, the malformed records."""

from collections import Counter
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from apps.flights import topics
from apps.flights.clients import existing_partitions
from apps.flights.compare import Found, Kept
from apps.flights.statistics import CarrierStatistics
from framework import Settings

STATISTICS_CHANGELOG = topics.changelog(topics.STATISTICS_TABLE)
MALFORMED_CHANGELOG = topics.changelog(topics.MALFORMED_TABLE)

POLL_MS = 500
"""Milliseconds to wait for records in one poll."""


class Gatherer:
    """What was read so far; `catch_up` reads on from there, so that waiting never reads a record twice."""

    def __init__(self, settings: Settings, reader: AIOKafkaConsumer) -> None:
        """`reader` is started, belongs to no group and has nothing assigned."""
        self._settings = settings
        self._reader = reader
        self._statistics: dict[str, CarrierStatistics] = {}
        self._counts: dict[str, int] = {}
        self._alerts: Counter[str] = Counter()
        self._malformed: Counter[Kept] = Counter()
        self._folds = {
            STATISTICS_CHANGELOG: self._fold_statistics,
            MALFORMED_CHANGELOG: self._fold_count,
            topics.ALERTS: self._fold_alert,
            topics.MALFORMED: self._fold_malformed,
        }

    async def catch_up(self) -> Found:
        """Read up to what are the ends of the topics now; a topic that does not exist counts as empty."""
        await self._assign_new()
        partitions = self._reader.assignment()
        ends = await self._reader.end_offsets(partitions) if partitions else {}
        while await self._is_behind(ends):
            for batch in (await self._reader.getmany(timeout_ms=POLL_MS)).values():
                for record in batch:
                    self._folds[record.topic](record)
        return self._found()

    async def _assign_new(self) -> None:
        """Assign the topics that came into being; those already assigned are read on from where they are."""
        known = self._reader.assignment()
        if {tp.topic for tp in known} == self._folds.keys():
            return
        found = known | await existing_partitions(self._settings, self._folds)
        if found != known:
            positions = {tp: await self._reader.position(tp) for tp in known}
            self._reader.assign(found)
            for tp in found:
                self._reader.seek(tp, positions.get(tp, 0))

    async def _is_behind(self, ends: dict[TopicPartition, int]) -> bool:
        for tp, end in ends.items():
            if await self._reader.position(tp) < end:
                return True
        return False

    def _fold_statistics(self, record: ConsumerRecord) -> None:
        key, value = _decoded(record)
        if value is None:
            self._statistics.pop(key, None)
        else:
            self._statistics[key] = CarrierStatistics.from_json(value)

    def _fold_count(self, record: ConsumerRecord) -> None:
        key, value = _decoded(record)
        self._counts[key] = value or 0

    def _fold_alert(self, record: ConsumerRecord) -> None:
        self._alerts[_row(record)] += 1

    def _fold_malformed(self, record: ConsumerRecord) -> None:
        self._malformed[(_row(record), record.key, record.value)] += 1

    def _found(self) -> Found:
        reasons: Counter[str] = Counter()
        for key, count in self._counts.items():
            reasons[key.partition("/")[2]] += count
        return Found(dict(self._statistics), Counter(self._alerts), Counter(self._malformed), reasons)


def _decoded(record: ConsumerRecord) -> tuple[str, Any]:
    """Key and value of a changelog record; Faust keeps both as JSON."""
    return orjson.loads(record.key), record.value and orjson.loads(record.value)


def _row(record: ConsumerRecord) -> str:
    """The header `row`, or the place of a record that has none, so that it counts as one nobody expects."""
    row = dict(record.headers).get(topics.ROW_HEADER)
    return row.decode(errors="replace") if row else f"{record.topic}/{record.partition}/{record.offset}"

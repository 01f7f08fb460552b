"""Records out of aiokafka's fetch buffers, a run at a time and without an object of its own for each; its privates."""

from collections.abc import Callable, Collection
from itertools import chain, islice
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException
from faust.types import TP

from framework.streams.reading.corrupt import Corrupt

RUN = 1_000
"""Records of one partition after which others have their turn; a run ends with the batch that reaches it."""

RUN_BYTES = 1024 * 1024
"""Bytes of one partition after which others have their turn."""

PIECE = 500
"""Records that are unpacked in one call of C, which no other thread can interrupt; the event loop of the app is one."""


def take(
    fetcher: Any, partitions: Collection[TP] | None, by_run: Callable[[Any], bool], corrupt: Corrupt
) -> tuple[dict[Any, list[Any]], dict[Any, tuple[list[Any], int]]]:
    """Take what is there of some partitions, and move their positions on.

    Args:
        fetcher: aiokafka's.
        partitions: whose records are wanted; None for all.
        by_run: whether a partition's records are taken as they are.
        corrupt: what is known of corrupt batches; those that are found are added.

    Returns:
        `{partition: aiokafka's ConsumerRecords}` and `{partition: (its own records, bytes of their values)}`.

    Raises:
        KafkaError: what the broker said of a partition, if nothing else is there; or a batch has stayed corrupt, after
            the records before it have been handed out.
    """
    # Before anything is taken, and whatever the other partitions have.
    corrupt.raise_if_it_stays()
    singles: dict[Any, list[Any]] = {}
    runs: dict[Any, tuple[list[Any], int]] = {}
    for tp in list(fetcher._records):
        if partitions is not None and tp not in partitions:
            if not fetcher._subscriptions.is_assigned(tp):
                del fetcher._records[tp]
            continue
        found = fetcher._records[tp]
        if type(found) is not FetchResult:
            if singles or runs:
                break
            _forget(fetcher, tp)
            found.check_raise()
            continue
        if not found.has_more():
            # Its last batch was corrupt.
            if not corrupt.must_wait(tp):
                _forget(fetcher, tp)
            continue
        if by_run(tp) and found._partition_records._isolation_level != READ_COMMITTED:
            records, size = _take_run(found, tp, corrupt)
            if records:
                runs[tp] = records, size
        elif records := found.getall(RUN):
            singles[tp] = records
        if not found.has_more() and not corrupt.must_wait(tp):
            _forget(fetcher, tp)
    return singles, runs


def _forget(fetcher: Any, tp: Any) -> None:
    """Have more of a partition fetched."""
    del fetcher._records[tp]
    fetcher._notify(fetcher._wait_consume_future)


def _take_run(found: Any, tp: Any, corrupt: Corrupt) -> tuple[list[Any], int]:
    """Take whole batches until there are enough records; what aiokafka's `getall` does, without its records."""
    if not found.check_assignment(tp) or not found.has_more():
        return [], 0
    source = found._partition_records
    # A generator that is not used here refers back to it: the buffer would stay until the garbage collector comes.
    source._records_iterator = None
    records: list[Any] = []
    size = 0
    try:
        while (has_more := source._records.has_next()) and len(records) < RUN and size < RUN_BYTES:
            size += _unpack_next(source, tp, records)
    except CorruptRecordException:
        # Those before it count; the batch is fetched again, from its own position.
        has_more = False
        if not records:
            corrupt.add(tp, source.next_fetch_offset)
    if records:
        corrupt.discard(tp)
    found._update_position()
    if not has_more:
        found._partition_records = None
    return records, size


def _unpack_next(source: Any, tp: Any, into: list[Any]) -> int:
    batch = source._records.next_batch()
    if source._check_crcs and not batch.validate_crc():
        raise CorruptRecordException(f"Invalid CRC - {tp}")
    size = 0 if batch.is_control_batch else _unpack(batch, source.next_fetch_offset, into)
    source.next_fetch_offset = batch.next_offset
    return size


def _unpack(batch: Any, position: int, into: list[Any]) -> int:
    records: list[Any] = []
    # Asked for an iterator once: a batch refuses a second one.
    rest = chain(batch)
    while piece := list(islice(rest, PIECE)):
        records += piece
    if records and records[0].offset < position:
        # The broker gives whole batches, from the one that the position is in.
        records = [record for record in records if record.offset >= position]
    into += records
    return sum(len(record.value) for record in records if record.value is not None)

"""Produces the flights of the file to Kafka, and is content only when every record was acknowledged."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from apps.flights.clients import create_missing_topics, open_producer
from apps.flights.data import ROWS, read_flights
from apps.flights.errors import ReplayFailedError
from apps.flights.malformed import malformed_rows
from apps.flights.model import encode
from apps.flights.topics import ALERTS, FLIGHTS, MALFORMED, ROW_HEADER
from framework import Settings

Progress = Callable[[int, int], None]
"""Called now and then with (records acknowledged, records in all)."""

REPORT_EVERY = 0.2
"""Seconds between two calls of it."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What to produce.

    Attributes:
        limit: only so many first flights of the file; None is all of them.
        skip: so many first flights of these are left out; a replay can go on where another has ended.
        times: how often the whole is repeated.
        malformed: malformed records to inject, spread evenly over the flights.
        rate: records a second; None is as fast as possible.
    """

    limit: int | None = None
    times: int = 1
    malformed: int = 0
    rate: float | None = None
    skip: int = 0

    @property
    def flights(self) -> int:
        """Flights to produce."""
        return max(0, (ROWS if self.limit is None else min(self.limit, ROWS)) - self.skip) * self.times

    @property
    def records(self) -> int:
        """Records to produce."""
        return self.flights + self.malformed


@dataclass(frozen=True, slots=True)
class Record:
    """A record to produce; `row` is what its header of that name says."""

    key: bytes | None
    value: bytes
    row: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What was produced: records acknowledged by Kafka, malformed ones among them, seconds from first to last."""

    records: int
    malformed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds else 0.0


def records(file: Path, plan: ReplayPlan) -> Iterator[Record]:
    """The records of the plan in the order in which they are produced."""
    injected = (Record(row.key, row.value, f"injected-{n}") for n, row in enumerate(malformed_rows(plan.malformed), 1))
    one_pass = (islice(read_flights(file, plan.limit), plan.skip, None) for _ in repeat(None, plan.times))
    sent = 0
    for number, flight in enumerate(chain.from_iterable(one_pass), start=1):
        yield Record(flight.carrier.encode(), encode(flight), str(plan.skip + number))
        while sent < plan.malformed * number // plan.flights:
            sent += 1
            yield next(injected)
    yield from injected


async def replay(
    settings: Settings, file: Path, plan: ReplayPlan, progress: Progress = lambda _done, _all: None
) -> ReplayReport:
    """Produce the plan's records, keyed by carrier, to topics that are created if missing.

    Args:
        settings: where Kafka is.
        file: the zipped file of flights, see `apps.flights.data.fetch`.
        plan: what to produce.
        progress: told how far it is.

    Raises:
        BrokerUnavailableError: no broker answers.
        ReplayFailedError: it was interrupted, or a record was not acknowledged; it says how many were.
    """
    await create_missing_topics(settings, FLIGHTS, ALERTS, MALFORMED)
    async with open_producer(settings) as producer:
        sending = _Sending(producer, plan, progress)
        started = time.monotonic()
        why = await sending.run(records(file, plan))
        seconds = time.monotonic() - started
    if why or sending.acknowledged != plan.records:
        raise ReplayFailedError(
            f"{sending.acknowledged} of {plan.records} records were acknowledged by Kafka, then {why or 'it ended'}."
            f" What was acknowledged stays in the topic {FLIGHTS}: empty it before you replay"
            " and verify again.",
            acknowledged=sending.acknowledged,
            wanted=plan.records,
        )
    return ReplayReport(sending.acknowledged, plan.malformed, seconds)


class _Sending:
    """One replay under way: hands records to the producer and counts the acknowledgements."""

    def __init__(self, producer: AIOKafkaProducer, plan: ReplayPlan, progress: Progress) -> None:
        self.acknowledged = 0
        self._failure: BaseException | None = None
        self._producer = producer
        self._plan = plan
        self._progress = progress

    async def run(self, batch: Iterator[Record]) -> str:
        """Send all and wait for all; the reason why it ended early, or nothing."""
        reporting = asyncio.create_task(self._report())
        try:
            await self._send(batch)
            await self._producer.flush()
        except KafkaError as error:
            self._failure = self._failure or error
        except asyncio.CancelledError:
            return "it was interrupted"
        finally:
            reporting.cancel()
        # Callbacks of acknowledgements run in the loop's next turn.
        await asyncio.sleep(0)
        self._progress(self.acknowledged, self._plan.records)
        return f"Kafka refused one: {self._failure!r}" if self._failure else ""

    async def _send(self, batch: Iterator[Record]) -> None:
        started = time.monotonic()
        for number, record in enumerate(batch):
            if self._failure:
                return
            if self._plan.rate and (ahead := number / self._plan.rate - (time.monotonic() - started)) > 0:
                await asyncio.sleep(ahead)
            headers = [(ROW_HEADER, record.row.encode())]
            # Returns when the record is in a batch, and waits while the partition's batches are full.
            sent = await self._producer.send(FLIGHTS, record.value, record.key, headers=headers)
            sent.add_done_callback(self._note)

    def _note(self, sent: "asyncio.Future[object]") -> None:
        if sent.cancelled():
            return
        if error := sent.exception():
            self._failure = self._failure or error
        else:
            self.acknowledged += 1

    async def _report(self) -> None:
        while True:
            self._progress(self.acknowledged, self._plan.records)
            await asyncio.sleep(REPORT_EVERY)

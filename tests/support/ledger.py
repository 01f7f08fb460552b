"""Follows the output topic in a thread and keeps every output with the time at which it arrived."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from tests.support.figures import Output


class Ledger:
    """Everything that came out; the topic has one partition, so that its order is the order of emission.

    Args:
        bootstrap_servers: where the brokers are.
        topic: the output topic; it must exist.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._outputs: list[Output] = []
        self._stop = threading.Event()
        # A fetch takes what came in 50 ms, so that broker and client are not busy with one record each.
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap_servers, enable_auto_commit=False, fetch_max_wait_ms=50, fetch_min_bytes=65536
        )
        self._consumer.assign([TopicPartition(topic, 0)])
        self._consumer.seek_to_beginning()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._following = self._executor.submit(self._follow)

    def outputs(self) -> list[Output]:
        """All outputs so far, in the order of the output topic."""
        if self._following.done():
            self._following.result()  # raises what ended it
        return self._outputs[:]

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._executor.shutdown()
        self._consumer.close(autocommit=False)

    def _follow(self) -> None:
        while not self._stop.is_set():
            for records in self._consumer.poll(timeout_ms=100).values():
                arrived = time.monotonic()
                self._outputs.extend(_output(record, arrived) for record in records)


def _output(record: ConsumerRecord, arrived: float) -> Output:
    value = json.loads(record.value)
    return Output(
        topic=value["topic"],
        partition=value["p"],
        offset=value["offset"],
        uuid=value["uuid"],
        worker=value["worker"],
        pid=value["pid"],
        emitted=value["t"] / 1e9,
        arrived=arrived,
        created=record.timestamp / 1000,
    )

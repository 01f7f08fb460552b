"""The codecs that Kafka knows."""

CODECS = ("gzip", "snappy", "lz4", "zstd")

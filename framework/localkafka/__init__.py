"""A real Apache Kafka on this machine, for demos and tests; knows nothing of apps and workers."""

from framework.localkafka.java import Tools, find_runtime
from framework.localkafka.local import LocalKafka
from framework.localkafka.plan import Node

__all__ = ["LocalKafka", "Node", "Tools", "find_runtime"]

"""The names of the topics and tables, shared by the app and the commands; knows neither Faust nor Kafka."""

APP_ID = "flights"
"""The consumer group, and the first part of every changelog's name."""

FLIGHTS = "flights"
"""Input: one flight a record as JSON, key = carrier; headers: `row`."""

ALERTS = "flights-alerts"
"""Output: an arrival over two hours late, key = carrier; headers: `row`, copied from the input."""

MALFORMED = "flights-malformed"
"""Output: an input record that is no flight: key, value and headers as they came, plus the headers `malformed-*`."""

PARTITIONS = 8
"""Partitions of every topic here: the most workers that can share the work."""

ROW_HEADER = "row"
"""Header that names a record of a replay: its number, counted from 1, or `injected-<number>` for a malformed one."""

REASON_HEADER = "malformed-reason"
"""Header of a malformed record: the reason in a word."""

DETAIL_HEADER = "malformed-detail"
"""Header of a malformed record: the reason in a sentence."""

SOURCE_HEADER = "malformed-source"
"""Header of a malformed record: where it was read, `<topic>/<partition>/<offset>`."""

STATISTICS_TABLE = "statistics"
"""Table: carrier to its statistics."""

MALFORMED_TABLE = "malformed"
"""Table: `<partition>/<reason>` to the number of records refused. The partition is in the key because a worker keeps
one store for all its partitions: a bare reason would be counted into the changelog of whichever came last."""


def changelog(table: str) -> str:
    """The topic that Faust keeps a table in."""
    return f"{APP_ID}-{table}-changelog"

"""What is measured: the cases, who can do each, how many records each one gets, and the ratios that are wanted."""

from dataclasses import dataclass, field

OURS = "framework"
FAUST = "faust"
QUIX = "quix"
RAW = "raw"

NAMES = {
    FAUST: "plain Faust",
    QUIX: "Quix Streams",
    RAW: "aiokafka + orjson",
    OURS: "this framework",
}

ROCKSDB = "rocksdb://"

QUICK = 0.25
"""Share of the records in a quick run."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to do with each record.

    Attributes:
        name: short name, also that of the agent.
        title: for people.
        records: `{contender: records}` who does it, and with how many: enough for two seconds or more.
        over_faust: wanted ratio of our rate to plain Faust's.
        over_quix: the same to Quix Streams'.
        agent: agent of the app that does it, where that is not the name.
        partitions: of the input.
        size: bytes of a value.
        keys: distinct keys of the input; 0 is a new one for each record.
        share: of the records that the counting loop sees.
        loops: how many loops see all of them.
        store: where tables live.
        table: whether totals are to be found in a changelog.
        copies: whether each record is to be found in the output.
    """

    name: str
    title: str
    records: dict[str, int] = field(hash=False)
    over_faust: float | None = None
    over_quix: float | None = None
    agent: str = ""
    partitions: int = 8
    size: int = 100
    keys: int = 1000
    share: float = 1.0
    loops: int = 1
    store: str = "memory://"
    table: bool = False
    copies: bool = False

    def does(self) -> str:
        """Name of the agent."""
        return self.agent or self.name

    @property
    def is_promised(self) -> bool:
        """Whether a ratio is wanted."""
        return self.over_faust is not None or self.over_quix is not None

    def count(self, contender: str, scale: float = 1.0) -> int:
        """Records that a contender gets: the same in each partition and of each key."""
        step = 8000
        return max(step, int(self.records[contender] * scale) // step * step)


def _records(faust: int, ours: int, quix: int = 0, raw: int = 0) -> dict[str, int]:
    """In thousands; 0 is none."""
    found = {FAUST: faust, QUIX: quix, RAW: raw, OURS: ours}
    return {name: count * 1000 for name, count in found.items() if count}


CASES = (
    Case("consume", "consume values", _records(32, 1200, quix=320, raw=1200), 27, 2.7),
    Case("events", "consume events()", _records(32, 1000), 22),
    Case("body", "a body of 15 SHA-256", _records(24, 320, quix=200, raw=400), 9, 1.5),
    Case("record", "faust.Record values", _records(32, 320), 10),
    Case("filter", "filter (half pass)", _records(32, 400), 10, share=0.5),
    Case("two-agents", "two agents, one topic", _records(24, 240), 10, loops=2),
    Case("sink", "yield to a sink", _records(24, 200), 10),
    Case("forward", "forward each", _records(8, 400, quix=160, raw=240), 40, 2, copies=True),
    Case("table", "table += 1, 1,000 keys", _records(8, 560, quix=400), 60, 2.5, table=True),
    Case("table-unique", "table += 1, all keys new", _records(8, 320, quix=320), 30, 1.5, "table", keys=0, table=True),
    Case("table-rocksdb", "table += 1, RocksDB", _records(8, 80, quix=240), 5, 1, "table", store=ROCKSDB, table=True),
    Case("consume-2kb", "consume values of 2 KB", _records(24, 240, quix=200, raw=240), agent="consume", size=2000),
    Case(
        "forward-2kb", "forward each of 2 KB", _records(8, 80, quix=60, raw=80), agent="forward", size=2000, copies=True
    ),
    Case("table-2kb", "table += 1, 2 KB", _records(8, 200, quix=160), agent="table", size=2000, table=True),
    Case("consume-1", "consume, 1 partition", _records(32, 1200, quix=320, raw=1200), agent="consume", partitions=1),
    Case(
        "forward-1",
        "forward, 1 partition",
        _records(8, 320, quix=160, raw=240),
        agent="forward",
        partitions=1,
        copies=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Flights:
    """The flights app from end to end: records of the file that each gets."""

    name: str = "flights"
    title: str = "flights app, all agents"
    over_faust: float = 8
    over_quix: float | None = None
    is_promised: bool = True
    records: dict[str, int] = field(default_factory=lambda: _records(8, 160), hash=False)

    def count(self, contender: str, scale: float = 1.0) -> int:
        """Records that a contender gets."""
        return int(self.records[contender] * scale)


FLIGHTS = Flights()

OTHERS = ("latency-200", "latency-20000", "workers", "idle")
"""What is measured in another way."""

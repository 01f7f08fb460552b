"""What the agents of `tests/broker/delivery/apps/features.py` are given: `{short name of the topic: records}`."""

import json
import pickle
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.both_paths_broker import BrokerSide, Input, Transaction

EACH = 10
"""Records a partition of an ordinary input."""

FLOW = 1500
CURRENT = 40
LARGE = 10 * 1024 * 1024

HOUR = 3600_000
BASE = (int(time.time() * 1000) - HOUR) // 10_000 * 10_000
"""Timestamp of the first record, ms; old enough to be told from now, young enough for the broker to keep."""

ORDINARY = (
    *(
        "values",
        "events",
        "items",
        "filter",
        "processors",
        "concurrency",
        "isolated",
    ),
    *("left", "right", "shared", "combined-left", "combined-right", "plain"),
    *("sinks", "forward", "send", "through", "echo", "group-by-function"),
)
"""Inputs with ten numbered records in each of two partitions."""

ONE_PARTITION = ("enumerate", "take", "take-events", "take-timestamp", "break", "continue", "seek", "to-channel")
"""Inputs whose records are all in partition 0, so that there is one order."""


def numbered(count: int = EACH, partitions: int = 2) -> tuple[Input, ...]:
    """Records `{"n": 0}`, `{"n": 1}` ... in each partition, with keys, headers and timestamps of their own."""
    return tuple(
        Input(
            value=_json({"n": n, "p": partition}),
            key=b"key-%d-%d" % (n % 4, partition),
            partition=partition,
            headers=(("h", b"%d" % n), ("empty", b"")),
            timestamp=BASE + n * 1500 + partition,
        )
        for n in range(count)
        for partition in range(partitions)
    )


def features() -> Mapping[str, Sequence[Input]]:
    """All inputs but those that need more than sending."""
    return {
        **{name: numbered() for name in ORDINARY},
        **{name: numbered(partitions=1) for name in ONE_PARTITION},
        "tables": numbered(),
        "table-changes": numbered(),
        "flow": numbered(FLOW, partitions=1),
        "current": tuple(_placed(partition, n) for n in range(CURRENT) for partition in range(2)),
        "current-values": tuple(_placed(0, n) for n in range(CURRENT)),
        "send-all": numbered(4, partitions=1),
        "too-large": numbered(2, partitions=1),
        "group-by-field": tuple(
            Input(_json({"account": f"a{n % 3}", "n": n}), key=b"%d" % n, partition=n % 2) for n in range(EACH)
        ),
        "numbers": tuple(Input(b"%d" % (n * n), key=b"%d" % n) for n in range(EACH)),
        "pickled": tuple(Input(b64encode(pickle.dumps({"n": n, "t": (1, 2)}))) for n in range(3)),
        "binary": tuple(Input(b64encode(_json({"n": n}))) for n in range(3)),
        "shapes": tuple(_shape(n) for n in range(4)),
        "nulls": (
            Input(_json(1), key=b"a"),
            Input(None, key=b"a"),
            Input(_json(2)),
            Input(None),
            Input(_json(None), key=b"b"),
            Input(_json(""), key=b""),
            Input(_json(3), key=b"c"),
        ),
        "null-points": (Input(_json({"x": 1})), Input(None), Input(_json({"x": 2})), Input(None, partition=1)),
        "undecodable": (
            Input(b"1", key=b"1"),
            Input(b"{no json", key=b"2"),
            Input(b"3", key=b"3"),
            Input(b"4", key=b"no number"),
            Input(b"5", key=b"no number"),
            Input(b"\xff\xfe", key=b"6"),
            Input(b"", key=b"7"),
            Input(b"8", key=b"8"),
        ),
        "unfitting": (
            Input(_json({"x": 1})),
            Input(_json({"z": 1})),
            Input(_json([1])),
            Input(_json({"x": 2, "more": 3})),
            Input(_json({"x": 3})),
        ),
    }


def transactions() -> Sequence[Transaction]:
    """Committed and aborted transactions, and at the end one that leaves nothing but its marker."""

    def some(text: str) -> tuple[Input, ...]:
        return tuple(Input(b"%s-%d" % (text.encode(), n)) for n in range(3))

    return (
        Transaction(some("first")),
        Transaction(some("aborted"), is_committed=False),
        Transaction(some("second")),
        Transaction(some("third")),
        Transaction(some("aborted-last"), is_committed=False),
    )


def feed(broker: BrokerSide, prefix: str) -> None:
    """Make all inputs, `<prefix>-<name>`, and fill them."""
    inputs = features()
    broker.create(f"{prefix}-{name}" for name in (*inputs, "transactions", "dropped", "beyond"))
    broker.create([f"{prefix}-large"], configs={"max.message.bytes": str(2 * LARGE)})
    broker.send({f"{prefix}-{name}": records for name, records in inputs.items()})
    broker.send_transactions(f"{prefix}-transactions", transactions())
    broker.send(
        {
            f"{prefix}-large": (Input(b"before"), Input(b"x" * LARGE), Input(b"after"), Input(b"y" * LARGE)),
            f"{prefix}-dropped": numbered(partitions=1),
            f"{prefix}-beyond": numbered(partitions=1),
        }
    )
    broker.drop_before(f"{prefix}-dropped", 0, 6)


UNSETTLED = ("beyond", "break", "transactions")
"""Inputs of which Faust never commits the end: it never goes back, forgets a topic whose loop was left, and does not
see the marker behind the last record."""


def commit_out_of_range(broker: BrokerSide, group_id: str, prefix: str) -> None:
    """Have a group begin before the first offset of one input, and behind the last of another."""
    broker.commit(group_id, {(f"{prefix}-dropped", 0): 2, (f"{prefix}-beyond", 0): 500})


def _placed(partition: int, offset: int) -> Input:
    return Input(_json({"partition": partition, "offset": offset}), partition=partition)


def _shape(n: int) -> Input:
    place = {"city": f"city-{n}", "__faust": {"ns": "delivery.place"}}
    shape: dict[str, Any] = {
        "name": f"shape-{n}",
        "points": [{"x": n}, {"x": n, "y": 1}],
        "by_name": {"a": {"x": 1, "y": n}},
        "at": "2026-01-02T03:04:05+00:00",
        "price": "12.50",
        "maybe": None if n % 2 else {"x": 9},
    }
    if n < 2:
        shape["__faust"] = {"ns": "delivery.shape"}
    return Input(_json(shape), key=_json(place))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()

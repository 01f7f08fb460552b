"""The app of the benchmarks, the same agent for plain Faust and for this framework.

BENCH_PLAIN   "1": plain Faust, a static member by hand
BENCH_GROUP   id of the app; topics are `<group>-in` and `<group>-out`
BENCH_SESSION session timeout of plain Faust, seconds
BENCH_STATIC  "0": plain Faust as a dynamic member
BENCH_TABLE   "1": keep the last value of each key in a table on RocksDB
"""

import os
import time
from collections.abc import AsyncIterable
from typing import Any

GROUP = os.environ["BENCH_GROUP"]
TABLE = os.environ.get("BENCH_TABLE") == "1"


def plain_app() -> Any:
    """Plain Faust with what a careful team sets by hand: a stable URL and folder, and a static member if wanted."""
    import faust

    instance = os.environ["BENCH_INSTANCE"]
    return faust.App(
        GROUP,
        broker=f"kafka://{os.environ['BENCH_BROKER']}",
        consumer_group_instance_id=instance if os.environ["BENCH_STATIC"] == "1" else None,
        canonical_url=f"http://{instance}:6066",
        datadir=os.environ["BENCH_DATADIR"],
        store="rocksdb://" if TABLE else "memory://",
        broker_session_timeout=float(os.environ["BENCH_SESSION"]),
        broker_commit_interval=1.0,
        broker_heartbeat_interval=1.0,
        topic_partitions=8,
        web_enabled=False,
        reply_to=f"{GROUP}-reply-{instance}",
    )


def our_app() -> Any:
    """This framework, configured by its environment."""
    from framework import App

    return App(GROUP)


app = plain_app() if os.environ.get("BENCH_PLAIN") == "1" else our_app()
source = app.topic(f"{GROUP}-in", value_serializer="json", key_serializer="raw")
copies = app.topic(f"{GROUP}-out", value_serializer="json", key_serializer="raw")
last_seen = app.Table("last-seen", partitions=8) if TABLE else None


@app.agent(source, name="copy")
async def copy(stream: AsyncIterable[Any]) -> None:
    """Copy each record to the output, with who did it and when."""
    async for event in stream.events():  # type: ignore[attr-defined]
        value = event.value
        if last_seen is not None:
            last_seen[event.key.decode()] = value["seq"]
        await copies.send(
            key=event.key,
            value={
                "topic": event.message.topic,
                "p": event.message.partition,
                "seq": value["seq"],
                "offset": event.message.offset,
                "uuid": value["uuid"],
                "worker": str(app.conf.consumer_group_instance_id),
                "pid": os.getpid(),
                "t": time.monotonic_ns(),
            },
        )

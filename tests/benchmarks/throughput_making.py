"""Makes the app to measure: plain Faust as shipped, or this framework, by the environment.

BENCH_PLAIN   "1": plain Faust
BENCH_GROUP   id of the app
"""

import os
from typing import Any

PARTITIONS = 8


def make_app(group: str) -> Any:
    """The app that is asked for; both get the same brokers, store and folder."""
    if os.environ.get("BENCH_PLAIN") != "1":
        from framework.app import App

        return App(group)
    import faust

    # Everything that has to do with speed is as shipped, the event loop too.
    return faust.App(
        group,
        broker=f"kafka://{os.environ['FRAMEWORK_BOOTSTRAP_SERVERS']}",
        datadir=os.environ["FRAMEWORK_DATADIR"],
        store=os.environ["FRAMEWORK_STORE"],
        topic_partitions=PARTITIONS,
        web_enabled=False,
    )

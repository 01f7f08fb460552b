"""Timers, pages, counters, and what is done to the consumer while records flow."""

import asyncio
import time
from typing import Any

from faust.types import TP

from tests.broker.delivery.apps.base import GROUP, app, note, noted, out, short, source

flowed = 0


@app.agent(source("flow"))
async def flow(stream: Any) -> None:
    global flowed
    async for _ in stream:
        await asyncio.sleep(0.002)
        flowed += 1
        if flowed % 100 == 0:
            note("flow", count=flowed)


@app.timer(0.1)
async def tick() -> None:
    note("timer", flowed=flowed, at=time.monotonic())


@app.crontab("* * * * * *")
async def cron() -> None:
    note("crontab", flowed=flowed)


@app.page("/flow/")
async def show_flow(self: Any, request: Any) -> Any:
    return self.json({"flowed": flowed})


@app.page("/monitor/")
async def show_monitor(self: Any, request: Any) -> Any:
    """The counters of the app."""
    monitor = app.monitor
    agents = {short(agent.name.rpartition(".")[2]): agent for agent in app.agents.values()}
    return self.json(
        {
            "is_fast": getattr(app, "is_fast", None),
            "received": _shortened(monitor.messages_received_by_topic),
            "received_total": monitor.messages_received_total,
            "events_total": monitor.events_total,
            "events_active": monitor.events_active,
            "messages_active": monitor.messages_active,
            "by_task": {str(task).rpartition(".")[2]: count for task, count in monitor.events_by_task.items()},
            "by_stream": {short(str(stream)): count for stream, count in monitor.events_by_stream.items()},
            "sent": _shortened(monitor.messages_sent_by_topic),
            "sent_total": monitor.messages_sent,
            "send_errors": monitor.send_errors,
            "runtime_avg": monitor.events_runtime_avg,
            "committed": _positions(monitor.tp_committed_offsets),
            "read": _positions(monitor.tp_read_offsets),
            "ends": _positions(monitor.tp_end_offsets),
            "streams": {
                name: sum(actor.stream.events_total for actor in agent._actors) for name, agent in agents.items()
            },
        }
    )


def _shortened(counts: Any) -> dict[str, int]:
    return {short(str(topic)): count for topic, count in counts.items()}


def _positions(offsets: Any) -> dict[str, int]:
    return {f"{short(tp.topic)}[{tp.partition}]": offset for tp, offset in offsets.items()}


# --- seek and pause ---------------------------------------------------------------------------------------------------


@app.agent(source("seek"))
async def seeks(stream: Any) -> None:
    """Goes back to the third record of a partition when it is through the first time."""
    has_gone_back = False
    async for event in stream.events():
        noted("seek", event, value=event.value)
        if event.message.offset == 9 and not has_gone_back:
            has_gone_back = True
            await app.consumer.seek(event.message.tp, 2)


paused = TP(f"{GROUP}-pause", 0)
is_paused = False


@app.agent(out("pause"))
async def pauses(stream: Any) -> None:
    """Pauses its own partition at the first record; the others are sent meanwhile."""
    global is_paused
    async for event in stream.events():
        noted("pause", event, value=event.value, paused=is_paused)
        if event.value["n"] == 0:
            app.consumer.pause_partitions({paused})
            is_paused = True
            asyncio.get_running_loop().call_later(1.0, resume)
            await out("pause").send(key=b"", value={"n": 1}, partition=0)
            await out("pause").send(key=b"", value={"n": 2}, partition=0)


def resume() -> None:
    """Let it go on."""
    global is_paused
    is_paused = False
    app.consumer.resume_partitions({paused})


# --- odd sources ------------------------------------------------------------------------------------------------------


def collects(name: str) -> None:
    """Make an agent that notes the sizes and places of what is in a topic."""

    @app.agent(source(name, value_serializer="raw"), name=f"collects_{name}")
    async def collect(stream: Any) -> None:
        async for value in stream:
            noted(name, value=value[:20], size=len(value))


for each in ("transactions", "large", "dropped", "beyond"):
    collects(each)

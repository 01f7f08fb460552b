"""Workers in seats and their shadows as the roster shows them, obeying orders; they are in no group and do no work."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from framework.errors import RosterUnavailableError
from framework.identity import Incarnation
from framework.membership.roster import Entry, Order, OrderKind, Shadowing, Takeover
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_writer import RosterWriter
from framework.states import SeatState, ShadowState
from tests.support.roster import connection

PACE = 0.2
"""Seconds between two times that each of them speaks."""

INTERVAL = 0.5
"""What they say of that: so long that one who is late on a busy machine is not taken for dead."""

FAILOVER_AFTER = 1.0


class Understudies:
    """Seats and shadows that speak in a roster until the end of the context.

    Args:
        bootstrap_servers: the broker.
        group_id: the primary group.
        shadowed_by: `{seat: instance id of its shadow}`.
    """

    def __init__(self, bootstrap_servers: str, group_id: str, shadowed_by: Mapping[str, str]) -> None:
        self._group_id = group_id
        self._reader = RosterReader(connection(bootstrap_servers), group_id)
        self._writer = RosterWriter(connection(bootstrap_servers), group_id, 1, 1.0)
        self._shadowed_by = shadowed_by
        self._voice = asyncio.Lock()
        self._entries: dict[str, Entry] = {}
        self._obeyed: set[Order] = set()
        self._obeys = True
        self._ready, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="understudies")
        for number, (seat, standby_id) in enumerate(shadowed_by.items()):
            self._entries[seat] = _entry(seat, number, lease=FAILOVER_AFTER)
            shadowing = Shadowing(f"{group_id}-standby", ShadowState.WARM, "", FAILOVER_AFTER, {seat: 0})
            self._entries[standby_id] = _entry(standby_id, 10 + number, role="standby", shadowing=shadowing)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def warm(self, standby_id: str, state: ShadowState, lag: int) -> None:
        """Let a shadow say how warm it is from now on."""
        entry = self._entries[standby_id]
        assert entry.shadowing is not None
        lags: dict[str, int | None] = dict.fromkeys(entry.shadowing.lags, lag)
        self._entries[standby_id] = replace(entry, shadowing=replace(entry.shadowing, state=state, lags=lags))

    def kill(self, name: str) -> None:
        """Let a worker fall silent."""
        del self._entries[name]

    def stop_listening(self) -> None:
        """Obey no order any more."""
        self._obeys = False

    def has_heard(self, seat: str) -> bool:
        """Whether there is an order about a seat."""
        return self._reader.view.order_for(seat) is not None

    async def _live(self) -> None:
        await self._speak()
        await self._reader.start()
        self._ready.set()
        tasks: set[asyncio.Task[None]] = set()
        while not self._end.is_set():
            tasks |= {asyncio.create_task(self._obey(order)) for order in self._orders()}
            await self._speak()
            await self._reader.changed(PACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reader.close()
        await self._writer.close()

    def _orders(self) -> list[Order]:
        found = [self._reader.view.order_for(seat) for seat in self._shadowed_by]
        new = [order for order, _ in filter(None, found) if order not in self._obeyed and self._is_meant(order)]
        self._obeyed.update(new)
        return new

    def _is_meant(self, order: Order) -> bool:
        entry = self._entries.get(order.seat)
        return self._obeys and entry is not None and entry.client_id == order.owner

    async def _speak(self) -> None:
        for name in list(self._entries):
            async with self._voice:
                # Who is told to stop meanwhile must not be heard again as running.
                if (entry := self._entries.get(name)) is not None:
                    await self._write(entry)

    async def _say(self, entry: Entry) -> None:
        async with self._voice:
            await self._write(entry)

    async def _write(self, entry: Entry) -> None:
        with suppress(RosterUnavailableError):
            await self._writer.write(entry)

    async def _obey(self, order: Order) -> None:
        seat, standby_id = order.seat, self._shadowed_by[order.seat]
        owner, shadow = self._entries.pop(seat), self._entries[standby_id]
        is_drill = order.kind is OrderKind.DRILL
        state = SeatState.RUNNING if is_drill else SeatState.STOPPING
        await self._say(replace(owner, state=state, reason=order.kind.value, uncommitted=5 if is_drill else 0))
        await asyncio.sleep(0.3)
        if not is_drill:
            await self._say(replace(owner, state=SeatState.STOPPED, reason="handover", successor=order.successor))
        else:
            await asyncio.sleep(FAILOVER_AFTER)
        del self._entries[standby_id]
        await self._say(replace(shadow, state=SeatState.LEFT, shadowing=None))
        takeover = Takeover(order.kind.value, owner.client_id, 1.25, 0.25)
        new = replace(
            owner,
            client_id=shadow.client_id.replace(standby_id, seat, 1),
            incarnation=shadow.incarnation,
            standby_id=standby_id,
            takeover=takeover,
        )
        await self._say(replace(new, state=SeatState.STARTING))
        await asyncio.sleep(0.2)
        self._entries[seat] = new
        await self._say(new)


def _entry(name: str, number: int, **changes: object) -> Entry:
    incarnation = Incarnation(f"box-{number}", 4000 + number, 1_700_000_000_000 + number, f"{number:08x}")
    fields: dict[str, object] = {
        "group_instance_id": name,
        "client_id": f"{name}@{incarnation.host}#{incarnation.start_ms}-{incarnation.suffix}",
        "incarnation": incarnation,
        "state": SeatState.RUNNING,
        "since_ms": incarnation.start_ms,
        "service": "w",
        "interval": INTERVAL,
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]

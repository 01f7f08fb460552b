"""Whatever part of the changelog survives, compacted or not, each change of each event is made exactly once.

Two agents' events change the same keys. At any moment changes are flushed, a part of what was sent arrives, the process
dies, or an event comes again. Each change adds a bit of its own to a key: one that was made twice or lost shows.
"""

import asyncio
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from faust.types.tuples import RecordMetadata
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.unit.streams.fakes import settle
from tests.unit.streams.tabled import CHANGELOG, Process, message_of

KEYS = "abc"
AGENTS = ("first", "second")


class Collected(RuleBasedStateMachine):
    """What outlives a process: the log, the committed offsets, the events; and a disk, for `OnDisk`."""

    is_fast: Any = True

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder: Path | None = self.new_folder()
        self.log: list[Any] = []
        self.end = 0
        self.events: dict[str, list[list[str]]] = {agent: [] for agent in AGENTS}
        self.bits: dict[tuple[str, int, int], int] = {}
        self.committed = dict.fromkeys(AGENTS, 0)
        self.run(self.begin())

    def new_folder(self) -> Path | None:
        return None

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 10.0))

    async def begin(self) -> None:
        """A process life begins."""
        self.process = Process(changelog=self.log, folder=self.folder, is_fast=self.is_fast)
        self.process.first = self.end
        self.cursor = {agent: [offset, 0] for agent, offset in self.committed.items()}
        self.tokens: dict[str, int] = defaultdict(int)
        self.messages: dict[tuple[str, int, int], Any] = {}

    # --- events -------------------------------------------------------------------------------------------------------

    @rule(agent=st.sampled_from(AGENTS), keys=st.lists(st.sampled_from(KEYS), max_size=4))
    def produce(self, agent: str, keys: list[str]) -> None:
        if len(self.bits) + len(keys) > 60:
            return
        offset = len(self.events[agent])
        self.events[agent].append(keys)
        for number in range(len(keys)):
            self.bits[agent, offset, number] = 1 << len(self.bits)

    @rule(agent=st.sampled_from(AGENTS), steps=st.integers(1, 8))
    def work(self, agent: str, steps: int) -> None:
        self.run(self.make(agent, steps))

    async def make(self, agent: str, steps: int) -> None:
        for _ in range(steps):
            offset, number = self.cursor[agent]
            if offset >= len(self.events[agent]):
                return
            keys = self.events[agent][offset]
            if number < len(keys):
                self.change(agent, offset, keys[number], self.bits[agent, offset, number])
                self.cursor[agent] = [offset, number + 1]
            else:
                self.cursor[agent] = [offset + 1, 0]

    def change(self, agent: str, offset: int, key: str, bit: int) -> None:
        process, place = self.process, (agent, offset, self.tokens[agent])
        with process.turn(offset, agent=agent, at=1 + offset):
            # The same object as long as it is the same try.
            message = self.messages.setdefault(place, process.author.token)
            process.author = process.author._replace(token=message)
            process.table[key] += bit

    @rule(agent=st.sampled_from(AGENTS))
    def fail(self, agent: str) -> None:
        """The body fails, and gets its event once more."""
        self.cursor[agent][1] = 0
        self.tokens[agent] += 1

    @rule(agent=st.sampled_from(AGENTS))
    def seek_back(self, agent: str) -> None:
        """What was not committed is read again, by the same process."""
        self.cursor[agent] = [self.committed[agent], 0]
        self.tokens[agent] += 1

    # --- the changelog ------------------------------------------------------------------------------------------------

    @rule()
    def flush(self) -> None:
        self.run(self.hand_over())

    async def hand_over(self) -> None:
        task = asyncio.ensure_future(self.process.app.tables.flush())
        await settle(10)
        if not task.done():  # the flight before is not confirmed yet
            await self.arrive(len(self.process.changelog()))
            await task

    @rule(share=st.floats(0, 1))
    def confirm(self, share: float) -> None:
        self.run(self.arrive(round(share * len(self.process.changelog()))))

    async def arrive(self, count: int) -> None:
        """The brokers have the first records of this process."""
        known = self.end - self.process.first
        if count > known:
            self.keep(self.process.changelog()[known:count])
            if self.is_fast:
                await self.process.confirm_posted(count)
            else:
                self.process.sent, sent = self.process.sent[:count], self.process.sent
                for number in range(known, count):
                    self.process.sent = sent[: number + 1]
                    self.confirm_one(number)
                self.process.sent = sent

    def confirm_one(self, number: int) -> None:
        sent, offset = self.process.sent[number], self.process.first + number
        sent.set_result(RecordMetadata(CHANGELOG.topic, 0, CHANGELOG, offset, None, None))
        self.process.table._on_changelog_sent(sent)

    def keep(self, records: list[Any]) -> None:
        for record in records:
            self.log.append(message_of(CHANGELOG, self.end, key=record.key, value=record.value, headers=record.headers))
            self.end += 1

    @rule()
    def commit(self) -> None:
        offsets = {agent: offset for agent, (offset, _) in self.cursor.items()}
        self.run(self.hand_over())
        self.run(self.arrive(len(self.process.changelog())))
        for agent, offset in offsets.items():
            self.committed[agent] = max(self.committed[agent], offset)

    @rule(data=st.data())
    def compact(self, data: Any) -> None:
        """Any records go of which the log has a later one with the same key."""
        last = {record.key: record.offset for record in self.log}
        self.log = [
            record
            for record in self.log
            if record.offset == last[record.key] or not data.draw(st.booleans(), label=f"{record.offset} goes")
        ]

    @rule(data=st.data())
    def crash(self, data: Any) -> None:
        """Some of what was on its way arrives all the same: of a collected flight any part, else the first part."""
        pending = self.process.changelog()[self.end - self.process.first :]
        if self.is_fast:
            pending = [record for record in pending if data.draw(st.booleans(), label="arrives")]
        else:
            pending = pending[: data.draw(st.integers(0, len(pending)), label="arrive")]
        self.keep(pending)
        self.process.kill()
        self.run(self.begin())

    # --- what must hold -----------------------------------------------------------------------------------------------

    def expected(self) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for (agent, offset, number), bit in self.bits.items():
            totals[self.events[agent][offset][number]] |= bit
        return dict(totals)

    @invariant()
    def nothing_is_made_twice(self) -> None:
        expected = self.expected()
        for key, value in self.process.contents().items():
            assert value & ~expected.get(key, 0) == 0, f"{key}: {value:b}"

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for agent in AGENTS:
            self.run(self.make(agent, 10**6))
        assert self.process.contents() == self.expected()
        self.commit()
        assert self.process.contents() == self.expected()
        self.process.kill()
        self.run(self.begin())
        assert self.process.contents() == self.expected()
        for agent in AGENTS:
            self.cursor[agent] = [0, 0]
            self.run(self.make(agent, 10**6))
        assert self.process.contents() == self.expected()
        self.process.kill()
        self.loop.close()
        if self.folder is not None:
            shutil.rmtree(self.folder)


class OnDisk(Collected):
    """The same with a database that outlives the process."""

    def new_folder(self) -> Path | None:
        return Path(tempfile.mkdtemp())


class AtOnce(Collected):
    """The same where each change is sent at once."""

    is_fast = False


class AtOnceOnDisk(OnDisk):
    """And with a database."""

    is_fast = False


@pytest.mark.parametrize(("machine", "examples"), [(Collected, 100), (OnDisk, 40), (AtOnce, 50), (AtOnceOnDisk, 30)])
def test_each_change_is_made_once(machine: Any, examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],  # a failure is shown as it was found: to make it smaller takes minutes
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )

"""Whoever takes, finishes and fails in whatever order: a commit passes nothing unfinished, and all that is finished."""

from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from framework.streams.reading.runs import Ledger, Slice
from tests.unit.streams.fakes import FLIGHTS


class Taking(RuleBasedStateMachine):
    """Several channels have the records of one partition; takers do as the streams do.

    Attributes:
        waiting: `{channel: (slice, record) that nobody has taken}`.
        taken: `{channel: {offset: (slice, record, whether by somebody who takes in turn)}}`.
    """

    CHANNELS = ("sums", "alarms", "log")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.parts: dict[str, list[Slice]] = {name: [] for name in self.CHANNELS}
        self.waiting: dict[str, list[tuple[Slice, Any]]] = {name: [] for name in self.CHANNELS}
        self.taken: dict[str, dict[int, tuple[Slice, Any, bool]]] = {name: {} for name in self.CHANNELS}
        self.delivered: list[int] = []
        self.lowest = 0
        self.end: int | None = None

    @rule(steps=st.lists(st.integers(1, 4), min_size=1, max_size=5))
    def deliver(self, steps: list[int]) -> None:
        """A run comes; a step of more than 1 is a gap."""
        records, at = [], (self.end or 0) - 1
        for step in steps:
            at += step
            records.append(SimpleNamespace(offset=at))
        for name in self.CHANNELS:
            part = Slice(FLIGHTS, list(records), 1)
            self.ledger.add(part, name)
            self.parts[name].append(part)
            self.waiting[name] += [(part, record) for record in records]
        self.delivered += [record.offset for record in records]
        self.end = at + 1

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data(), is_ordered=st.booleans())
    def take(self, data: Any, is_ordered: bool) -> None:
        name = data.draw(st.sampled_from([name for name in self.CHANNELS if self.waiting[name]]))
        part, record = self.waiting[name].pop(0)
        assert next(part.rest) is record
        if is_ordered and part.position == part.taken and record.offset >= part.position:
            part.taken = record.offset + 1
        else:
            part.hold(record.offset)
        self.taken[name][record.offset] = part, record, is_ordered

    @precondition(lambda self: any(self.taken.values()))
    @rule(data=st.data())
    def finish(self, data: Any) -> None:
        name = data.draw(st.sampled_from([name for name in self.CHANNELS if self.taken[name]]))
        offset = data.draw(st.sampled_from(sorted(self.taken[name])))
        part, _, _ = self.taken[name].pop(offset)
        assert part.is_taken(offset)
        part.finish(offset)
        assert not part.is_taken(offset)

    @precondition(lambda self: any(self.taken.values()))
    @rule(data=st.data())
    def fail(self, data: Any) -> None:
        """Some of what was taken of one slice is put back."""
        name = data.draw(st.sampled_from([name for name in self.CHANNELS if self.taken[name]]))
        part = data.draw(st.sampled_from([part for part, _, _ in self.taken[name].values()]))
        mine = sorted(offset for offset, entry in self.taken[name].items() if entry[0] is part)
        failed = sorted(data.draw(st.lists(st.sampled_from(mine), unique=True, min_size=1)))
        records = [self.taken[name].pop(offset)[1] for offset in failed]
        part.put_back(records)
        self.waiting[name] = sorted(
            [*self.waiting[name], *((part, record) for record in records)],
            key=lambda entry: (self.parts[name].index(entry[0]), entry[1] not in records),
        )

    @precondition(lambda self: self.end is not None)
    @rule()
    def revoke(self) -> None:
        """All is dropped and forgotten, and read again from what may be committed."""
        self.lowest = self.end = self.ledger.committable(FLIGHTS) or 0
        self.delivered.clear()
        for name in self.CHANNELS:
            for part in self.parts[name]:
                part.drop()
                assert not len(part)
            self.parts[name], self.waiting[name], self.taken[name] = [], [], {}
        self.ledger.forget(FLIGHTS)

    @invariant()
    def commit_passes_nothing_unfinished_and_all_that_is_finished(self) -> None:
        at = self.ledger.committable(FLIGHTS)
        if at is None:
            return
        unfinished = {record.offset for entries in self.waiting.values() for _, record in entries}
        unfinished |= {offset for entries in self.taken.values() for offset in entries}
        if not unfinished:
            assert at == self.end
            return
        first = min(unfinished)
        assert max((offset + 1 for offset in self.delivered if offset < first), default=self.lowest) <= at <= first

    @invariant()
    def waiting_ones_are_counted(self) -> None:
        for name in self.CHANNELS:
            assert sum(len(part) for part in self.parts[name]) == len(self.waiting[name])

    @invariant()
    def what_is_taken_and_nothing_else_is_in_hand(self) -> None:
        taken = sorted(offset for entries in self.taken.values() for offset in entries)
        assert sorted(offset for _, offset in self.ledger.in_hand()) == taken


TestTaking = Taking.TestCase

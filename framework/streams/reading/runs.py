"""What was fetched of a partition in one go, on its way through the agents: what of it is finished; knows no Kafka."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Any

from faust.types import TP
from faust.types.tuples import ack_lock

Holder = Callable[[], object]


def busy() -> bool:
    """Whoever holds a record is at it; stands where a weak reference to its event may stand."""
    return True


class Slice:
    """One channel's part of a run of records: consecutive records of one partition, read from one position.

    It lies in the channel's queue until somebody has taken its last record. Its streams share the iterator `rest`, so
    that each record is taken once; dropping the slice empties the list behind it, and their loops end by themselves.

    What is finished is everything below `position`, except what is `held` or `waiting`. A record is counted in one of
    two ways:

    - In turn: one task takes record by record. `taken` is moved on when it takes one, `position` when it has finished
      it, so a record is in hand while the two differ.
    - Held: it is put among the held ones when it is taken, and out of them when it is finished, in any order. One that
      was put back is `waiting` until it is taken again.

    The first way is the event loop's alone. The second may be used from any thread, with Faust's `ack_lock`.

    Attributes:
        tp: the partition.
        generation: of the group when it was delivered.
        number: how many records it has come with.
        size: bytes of its values.
        end: offset one past its last record.
        is_first: whether this is the first of the channels that got the run; it counts messages for the sensors.
        failures: `{offset: how often a body has failed at that record}`.
        is_dropped: it was thrown away; what was not taken is read again, here or by somebody else.
        is_left: the loop whose body had the record that was taken last was left, and nobody has said yet how.
        queue: where it lies or has lain.
    """

    __slots__ = (
        "_records",
        "end",
        "failures",
        "generation",
        "held",
        "is_dropped",
        "is_first",
        "is_left",
        "number",
        "position",
        "queue",
        "rest",
        "size",
        "taken",
        "tp",
        "waiting",
    )

    def __init__(self, tp: TP, records: list[Any], generation: int, *, size: int = 0, is_first: bool = True) -> None:
        self.tp, self.generation, self.size, self.is_first = tp, generation, size, is_first
        self._records, self.number = records, len(records)
        self.rest: Iterator[Any] = iter(records)
        self.position = self.taken = records[0].offset
        self.end = records[-1].offset + 1
        self.held: dict[int, Holder | None] = {}
        self.waiting: set[int] = set()
        self.failures: dict[int, int] = {}
        self.is_dropped = self.is_left = False
        self.queue: Any = None

    def __len__(self) -> int:
        """How many records nobody has taken."""
        return length_hint(self.rest)

    @property
    def is_in_hand(self) -> bool:
        """Whether somebody is at a record that was taken in turn."""
        return bool(self.position != self.taken) and not self.is_left

    @property
    def unfinished(self) -> int | None:
        """Offset of the first record that is not finished, None if all are."""
        low = [self.position] if self.position < self.end else []
        with ack_lock:
            return min((*low, *self.held, *self.waiting), default=None)

    @property
    def is_finished(self) -> bool:
        """Whether all of its records are finished."""
        return not self.held and not self.waiting and self.position >= self.end

    def in_hand(self) -> list[int]:
        """Offsets of the records that somebody is at."""
        found = [self.taken - 1] if self.is_in_hand else []
        with ack_lock:
            return found + [offset for offset, holder in self.held.items() if holder is not None and holder()]

    def is_taken(self, offset: int) -> bool:
        """Whether a record was taken and is not finished."""
        return offset in self.held or self.position <= offset < self.taken

    def has_finished(self, offset: int) -> bool:
        """Whether a record was taken and is finished."""
        return offset < self.position and offset not in self.held and offset not in self.waiting

    def hold(self, offset: int, holder: Holder | None = busy) -> None:
        """Count a record that was just taken, or whose body keeps it, as one that may be finished out of turn.

        Args:
            offset: its own.
            holder: gives something as long as somebody is at it: a rebalance waits for that one. None for nobody.
        """
        with ack_lock:
            self._hold_the_one_in_turn()
            self.waiting.discard(offset)
            self.held[offset] = holder
            self.position = self.taken = max(self.taken, offset + 1)

    def _hold_the_one_in_turn(self) -> None:
        """Somebody is at a record in turn, who will say so by `finish`; or has left it, and may fail yet."""
        if self.position != self.taken:
            self.held[self.taken - 1] = None if self.is_left else busy
            self.position, self.is_left = self.taken, False

    def leave(self, offset: int) -> None:
        """Count a record as one that nobody is at until somebody says what becomes of it."""
        with ack_lock:
            if offset in self.held:
                self.held[offset] = None
            elif self.position <= offset < self.taken:
                # Else it was acknowledged by hand, and `is_left` would be said of the next one.
                self.is_left = True

    def finish(self, offset: int) -> None:
        """Count a record as finished, in whichever way it was taken."""
        with ack_lock:
            if offset in self.held or offset in self.waiting:
                self.held.pop(offset, None)
                self.waiting.discard(offset)
            elif offset >= self.position:
                self.position, self.taken, self.is_left = offset + 1, offset + 1, False
            self.failures.pop(offset, None)

    def let_go(self, records: list[Any]) -> None:
        """Nobody is any more at records that were taken and are not finished, and nobody will take them again.

        They stay unfinished, also the one that was taken in turn: whoever takes the next one must not count it.
        """
        with ack_lock:
            self._hold_the_one_in_turn()
            self._have_wait(records)

    def put_back(self, records: list[Any]) -> None:
        """Have records that were taken and are not finished taken again, in their order and before the others.

        Where the slice was dropped meanwhile they are read again elsewhere.
        """
        if self.is_dropped:
            self.let_go(records)
            return
        with ack_lock:
            if all(record.offset != self.taken - 1 for record in records):
                # That one is still in somebody's hand, and the next to take one in turn must not count it.
                self._hold_the_one_in_turn()
            self._have_wait(records)
            self.taken, self.is_left = self.position, False
        # Loops that run on the old iterator end; whoever runs them asks for the rest again.
        self._records = [*records, *self.rest]
        self.rest = iter(self._records)

    def _have_wait(self, records: list[Any]) -> None:
        for offset in (record.offset for record in records):
            if offset in self.held:
                del self.held[offset]
                self.waiting.add(offset)

    def release(self) -> None:
        """Let go of records that were all taken; what is finished of them is still counted here until the commit."""
        self._records = []

    def drop(self) -> None:
        """Throw away what nobody has taken."""
        self.is_dropped = True
        self._records.clear()
        # An iterator that has moved on keeps no other list alive.
        self.rest = iter(())


class Ledger:
    """How far each partition may be committed: up to the first record that one of its channels has not finished."""

    def __init__(self) -> None:
        self._slices: defaultdict[TP, defaultdict[Any, deque[Slice]]] = defaultdict(lambda: defaultdict(deque))
        self._ends: dict[TP, int] = {}

    def add(self, part: Slice, channel: Any) -> None:
        """Take in a slice that a channel was handed."""
        self._slices[part.tp][channel].append(part)
        self._ends[part.tp] = part.end

    def forget(self, tp: TP) -> None:
        """Nothing that was delivered of a partition counts any more: its position was set anew, or it was given up."""
        self._slices.pop(tp, None)
        self._ends.pop(tp, None)

    def partitions(self) -> list[TP]:
        """Those of which something was delivered."""
        return list(self._ends)

    def committable(self, tp: TP) -> int | None:
        """The offset below which every channel has finished everything; None if nothing was delivered.

        Changes nothing, so that any thread may ask; that of the event loop clears up with `prune`.
        """
        end = self._ends.get(tp)
        if end is None:
            return None
        low: int = end
        for slices in list(self._slices.get(tp, {}).values()):
            for part in list(slices):
                unfinished = part.unfinished
                if unfinished is not None:
                    low = min(low, unfinished)
                    break
        return low

    def prune(self, tp: TP) -> None:
        """Forget slices that are finished and have none before them that is not."""
        for slices in self._slices.get(tp, {}).values():
            while slices and slices[0].is_finished:
                slices.popleft()

    def held(self, channel: Any) -> list[object]:
        """What holds the records that a channel was handed, and that may be finished out of turn: events, mostly."""
        parts = [part for channels in list(self._slices.values()) for part in list(channels.get(channel, ()))]
        with ack_lock:
            return [holder() for part in parts for holder in part.held.values() if holder is not None]

    def in_hand(self) -> list[tuple[TP, int]]:
        """What agents are at: partition and offset."""
        found = []
        for tp, channels in list(self._slices.items()):
            for slices in list(channels.values()):
                for part in list(slices):
                    found += [(tp, offset) for offset in part.in_hand()]
        return found

    def progress(self) -> int:
        """A number that is another one as soon as anything was finished."""
        parts = [
            part
            for channels in list(self._slices.values())
            for slices in list(channels.values())
            for part in list(slices)
        ]
        at = sum(part.position + len(part.held) for part in parts)
        return int(at + sum(list(self._ends.values())))

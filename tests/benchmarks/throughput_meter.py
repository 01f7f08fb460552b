"""Counts records from inside a measured process; needs nothing but the standard library, so that every peer can use it.

A loop counts in a local variable and calls `reached` at the next count it was told, three times in a run:

    seen, mark = 0, meter.first
    async for value in stream:
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

MEASURED_SHARE = 0.9
"""The clock stops after this share of the topic: at its end some partitions are empty, which is another case."""


class Meter:
    """Notes clock, CPU and memory at the first record and the last measured one, and tells when all have come.

    Args:
        path: file to write the result to, as JSON; it appears when all records have come.
        total: records that a loop is to see.
        loops: loops that each see all of them.
    """

    def __init__(self, path: Path, total: int, loops: int = 1) -> None:
        self.path = path
        self.total = total
        self.last = max(2, int(total * MEASURED_SHARE))
        self.first = 1
        self._loops = loops
        self._reached = {self.first: 0, self.last: 0, total: 0}
        self._extra = 0
        self._begun = (0.0, 0.0)
        self._found: dict[str, Any] = {}

    def reached(self, seen: int) -> int:
        """Note that a loop has seen so many records; returns at how many it is to call again."""
        if seen == self.first and not any(self._reached.values()):
            self._begun = (time.monotonic(), time.process_time())
        if seen > self.total:
            # A record that came twice: nothing is measured any more, the file may be written each time.
            self._extra += 1
        else:
            self._reached[seen] += 1
        if seen == self.last and self._reached[seen] == self._loops:
            self._stop_clock()
        if self._reached[self.total] == self._loops:
            self._write()
        return self.last if seen < self.last else max(self.total, seen + 1)

    def _stop_clock(self) -> None:
        ended, cpu = time.monotonic(), time.process_time()
        begun, cpu_begun = self._begun
        self._found = {
            "records": self.last - 1,
            "begun": begun,
            "ended": ended,
            "cpu": cpu - cpu_begun,
            "rss_mb": resident_mb(),
        }

    def _write(self) -> None:
        write_json(self.path, {**self._found, "pid": os.getpid(), "extra": self._extra})


def resident_mb() -> float:
    """Memory of this process that is in RAM, in MB."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is there as a whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(content))
    part.replace(path)

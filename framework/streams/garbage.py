"""How often Python looks for garbage in a worker."""

import gc

YOUNGEST, MIDDLE, OLDEST = 50_000, 20, 50
"""Allocations, and collections of the younger generation, after which a generation is collected."""


def collect_less_often() -> None:
    """Have the garbage collector leave alone what is there now, and look less often at what comes.

    Records, events and what agents make of them go by themselves; nothing in their way refers to itself. With Python's
    own thresholds the collector looks at thousands of waiting records every few hundred, and takes a third of the time.
    """
    gc.freeze()
    gc.set_threshold(YOUNGEST, MIDDLE, OLDEST)

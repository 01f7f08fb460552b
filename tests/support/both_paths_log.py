"""What a worker said of records that did not go the fast way."""

import json
from collections import Counter


def not_fast(log: str) -> Counter[str]:
    """How often each reason was logged.

    Args:
        log: all that a worker has printed, JSON lines among it.
    """
    lines = (json.loads(line) for line in log.splitlines() if '"delivery.not_fast"' in line)
    return Counter(line["why"] for line in lines)

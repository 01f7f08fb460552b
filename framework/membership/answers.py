"""What an answer of the coordinator says: its error codes, and who leads; pure."""

import re
from collections.abc import Iterator
from typing import Any

import aiokafka.errors as kafka_errors

from framework.membership.reactions import Reaction, reaction_to

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def is_former_self(leader_id: str, group_instance_id: str | None) -> bool:
    """Whether `leader_id` names an earlier member of this instance: `<instance>-<uuid>` (Apache Kafka, ClassicGroup).

    A prefix is not enough: `w-1-<uuid>` belongs to the instance `w-1`, not to `w`.
    """
    prefix = f"{group_instance_id}-"
    return (
        group_instance_id is not None
        and leader_id.startswith(prefix)
        and bool(_UUID.fullmatch(leader_id[len(prefix) :]))
    )


def gravest_first(code: int) -> int:
    """Sort key: what ends the member comes before what it can mend."""
    order = (Reaction.FENCED, Reaction.FAIL)
    reaction = reaction_to(code, retriable=kafka_errors.for_code(code).retriable)
    return order.index(reaction) if reaction in order else len(order)


def error_codes(response: Any) -> Iterator[int]:
    """Every error code of an answer: its own, and those of its topics or members."""
    fields = response.to_object() if hasattr(response, "to_object") else {}
    yield from _codes_in(fields)


def _codes_in(node: Any) -> Iterator[int]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "error_code":
                yield value
            else:
                yield from _codes_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from _codes_in(item)

"""What `framework standby handover` says, to a person and to machines; asks nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from framework.cli.standby_documents import process_document
from framework.cli.standby_tools import named
from framework.membership.roster import Entry


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of one seat.

    Attributes:
        seat: its instance id.
        former: who had it; None if that was not found out.
        owner: who has it now; None if that is not known.
        standby_id: the shadow that was to sit down; empty if none was chosen.
        standstill: seconds from the one's word that it stops to the other's that it runs; None if not both were seen.
        is_at_least: whether it stood still for longer than that, though not for longer than `took`.
        took: seconds from the order to the end.
        was_there: whether the one who was to have it had it already.
        error: why it failed; empty if it did not.
    """

    seat: str
    former: Entry | None = None
    owner: Entry | None = None
    standby_id: str = ""
    standstill: float | None = None
    is_at_least: bool = False
    took: float | None = None
    was_there: bool = False
    error: str = ""


def sentence(handed: Handed) -> str:
    """What became of a seat, for a person."""
    if handed.owner is None:
        return f"Seat {handed.seat}: {handed.error}"
    if handed.was_there:
        return f"Seat {handed.seat}: {handed.standby_id} ({named(handed.owner.client_id)}) sits in it already."
    # It did not stop before it was told to.
    at_most = handed.took if handed.is_at_least else None
    former = named(handed.former.client_id) if handed.former is not None else "nobody"
    return (
        f"Seat {handed.seat}: from {former} to {named(handed.owner.client_id)} ({handed.standby_id});"
        f" {stood_still(handed.standstill, at_most)}, took {handed.took or 0.0:.2f} s."
    )


def stood_still(standstill: float | None, at_most: float | None = None) -> str:
    """How long a seat stood still, as a clause.

    Args:
        standstill: seconds, at least; None where that was not seen.
        at_most: seconds, if it may have been longer than that.
    """
    if standstill is None:
        return "how long it stood still was not seen"
    if at_most is not None and at_most > standstill:
        return f"it stood still for {standstill:.2f} to {at_most:.2f} s"
    return f"it stood still for {standstill:.2f} s"


def document(group_id: str, done: Sequence[Handed], error: str) -> dict[str, object]:
    """The same for machines; times are seconds, unknown is null."""
    return {
        "group_id": group_id,
        "complete": not error,
        "error": error or None,
        "seats": [_seat_document(handed) for handed in done],
    }


def _seat_document(handed: Handed) -> dict[str, object]:
    return {
        "group_instance_id": handed.seat,
        "complete": not handed.error,
        "standby_id": handed.standby_id or None,
        "from": process_document(handed.former) if handed.former is not None else None,
        "to": process_document(handed.owner) if handed.owner is not None else None,
        "was_there": handed.was_there,
        "standstill": handed.standstill,
        "standstill_is_at_least": handed.is_at_least,
        "took": handed.took,
        "error": handed.error or None,
    }

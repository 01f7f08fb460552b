"""One table from what the broker answers to what the member does; pure, sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from framework.errors import FencedError, GroupFailedError, GroupNotAllowedError, MembershipError


class Reaction(StrEnum):
    """What a member does about an error code of the group coordinator.

    | reaction | meaning |
    |---|---|
    | GO_ON | no error, or one that its caller handles |
    | RETRY | the coordinator is busy: the same request again after the backoff |
    | FIND_COORDINATOR | the coordinator moved: look it up, then the same request again |
    | REJOIN | the group moved on: join again with the same member id |
    | JOIN_ANEW | the broker forgot this member: join again without a member id |
    | FENCED | another process sits in this seat: stop, commit nothing |
    | FAIL | no retry can mend it: stop and say what to do |
    """

    GO_ON = "go on"
    RETRY = "retry"
    FIND_COORDINATOR = "find coordinator"
    REJOIN = "rejoin"
    JOIN_ANEW = "join anew"
    FENCED = "fenced"
    FAIL = "fail"


REACTIONS: Mapping[int, Reaction] = {
    -1: Reaction.RETRY,  # UNKNOWN_SERVER_ERROR: the broker stumbled
    0: Reaction.GO_ON,
    3: Reaction.RETRY,  # UNKNOWN_TOPIC_OR_PARTITION: metadata is on its way, or the topic was deleted
    7: Reaction.RETRY,  # REQUEST_TIMED_OUT
    12: Reaction.GO_ON,  # OFFSET_METADATA_TOO_LARGE: the caller's own fault
    14: Reaction.RETRY,  # COORDINATOR_LOAD_IN_PROGRESS
    15: Reaction.FIND_COORDINATOR,  # COORDINATOR_NOT_AVAILABLE
    16: Reaction.FIND_COORDINATOR,  # NOT_COORDINATOR
    # ILLEGAL_GENERATION: a rebalance passed us by. The member id is kept on purpose: if the seat was taken meanwhile,
    # the broker fences the join. Joining without it would evict the newer owner.
    22: Reaction.REJOIN,
    23: Reaction.FAIL,  # INCONSISTENT_GROUP_PROTOCOL
    24: Reaction.FAIL,  # INVALID_GROUP_ID
    25: Reaction.JOIN_ANEW,  # UNKNOWN_MEMBER_ID
    26: Reaction.FAIL,  # INVALID_SESSION_TIMEOUT
    27: Reaction.REJOIN,  # REBALANCE_IN_PROGRESS
    28: Reaction.GO_ON,  # INVALID_COMMIT_OFFSET_SIZE: the caller's own fault
    29: Reaction.FAIL,  # TOPIC_AUTHORIZATION_FAILED
    30: Reaction.FAIL,  # GROUP_AUTHORIZATION_FAILED
    35: Reaction.FAIL,  # UNSUPPORTED_VERSION
    79: Reaction.GO_ON,  # MEMBER_ID_REQUIRED: the join is sent again with the id from the answer (KIP-394)
    81: Reaction.FAIL,  # GROUP_MAX_SIZE_REACHED
    82: Reaction.FENCED,  # FENCED_INSTANCE_ID (KIP-345)
    88: Reaction.RETRY,  # UNSTABLE_OFFSET_COMMIT (KIP-447)
    111: Reaction.FENCED,  # UNRELEASED_INSTANCE_ID (KIP-848)
}

_WHAT_TO_DO = {
    23: "Another client uses this group id with other assignors: give this app another group id, or stop the other.",
    24: "Kafka does not accept this group id: choose another app id.",
    26: "FRAMEWORK_SESSION_TIMEOUT_MS lies outside the broker's group.min.session.timeout.ms and"
    " group.max.session.timeout.ms: choose a value between them.",
    29: "Grant this user READ on the topics of the app.",
    30: "Grant this user READ on the group.",
    35: "The broker is too old: the framework needs Apache Kafka 2.4 or newer.",
    81: "The group has as many members as the broker's group.max.size allows: raise it or run fewer workers.",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """One static identity in a group, with the name the broker gave its member."""

    group_id: str
    group_instance_id: str | None
    member_id: str | None = None


def reaction_to(code: int, *, retriable: bool = False) -> Reaction:
    """What to do about error `code`; `retriable` says whether the client library would retry a code the table lacks."""
    return REACTIONS.get(code, Reaction.RETRY if retriable else Reaction.FAIL)


def failure(code: int, name: str, seat: Seat) -> MembershipError:
    """The error that ends a member for a code whose reaction is FENCED or FAIL.

    Args:
        code: error code of the broker; an unknown one keeps its number in the message.
        name: the code's name, such as `FENCED_INSTANCE_ID`.
        seat: whose seat it was.
    """
    where = {"group_id": seat.group_id, "group_instance_id": seat.group_instance_id, "member_id": seat.member_id}
    if reaction_to(code) is Reaction.FENCED:
        return FencedError(
            f"Another process holds the seat {seat.group_instance_id!r} of group {seat.group_id!r} now ({name}). This"
            " worker stops without committing; nothing is lost, the other process goes on from the last commit. If you"
            " did not mean to start a second one, find it by its client id in `kafka-consumer-groups --describe"
            " --members`, and give each worker an instance id of its own.",
            **where,
        )
    kind = GroupNotAllowedError if code in (29, 30) else GroupFailedError
    what_to_do = _WHAT_TO_DO.get(code, "The framework does not know this error; see the log of the broker.")
    return kind(
        f"The coordinator of group {seat.group_id!r} refused this member with error {code} ({name}). {what_to_do}",
        **where,
    )

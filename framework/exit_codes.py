"""The exit codes of every command and process; knows nothing else.

They are stable: orchestrators and scripts may test for them. Codes 64 to 78 keep their meaning from `sysexits.h`.
"""

from enum import IntEnum, unique


@unique
class ExitCode(IntEnum):
    """Why a process of the framework ended; `meaning` says it in a sentence."""

    meaning: str

    def __new__(cls, value: int, meaning: str = "") -> "ExitCode":
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "Stopped as asked: everything in flight was finished and committed."
    CRASHED = 1, "The app raised an exception that nobody handled; the log has the traceback."
    USAGE = 2, "The command line was wrong."
    CHECK_FAILED = (
        3,
        "What a command checks or waits for does not hold, or not in time (`kafka status`, `group wait`, `scale`,"
        " `leave --wait`, `standby`).",
    )
    APP_NOT_FOUND = 66, "`MODULE:APP` names no module, no attribute, or something that is not an `App`."
    NOT_FOUND = 67, "There is no such group, or no such seat in it."
    NO_SUPERVISOR = 68, "No supervisor of this machine and user could be reached, or more than one was there."
    BROKER_UNAVAILABLE = 69, "No broker answered at `BOOTSTRAP_SERVERS` within `BROKER_WAIT`."
    APP_IMPORT_FAILED = 70, "The app's module raised an exception while it was imported."
    PORT_TAKEN = 71, "A port that the process was told to listen on is in use."
    JAVA_MISSING = 72, "The local Kafka needs Java 17 or newer, and Maven or `KAFKA_HOME`."
    LOCAL_KAFKA_FAILED = 73, "The local Kafka did not start; its log says why."
    NOT_ALLOWED = 77, "The broker refused the credentials, or they lack a right."
    SETTINGS = 78, "Settings are missing, malformed or contradict each other."
    UNSTABLE_IDENTITY = 79, "No stable instance id could be derived, or it breaks Kafka's rule for ids."
    FENCED = 80, "Another process holds this worker's seat now; nothing was committed after the fence."
    SEAT_TAKEN = 81, "Another live process held the seat for as long as this one was willing to wait."
    SUPERSEDED = 82, "A newer incarnation of this worker is alive; this one stepped back."
    GROUP_FAILED = 83, "The group coordinator answered with an error that no retry can mend."
    FORCED = 84, "Stopped before the work in flight was done: grace period over, or a second interrupt."
    CRASH_LOOP = 85, "A worker crashed again and again; the supervisor gave up."
    SEAT_LIVE = 86, "The seat is held by a live worker, and the command would not take it away without `--force`."


FINAL = frozenset(
    {
        ExitCode.OK,
        ExitCode.USAGE,
        ExitCode.APP_NOT_FOUND,
        ExitCode.BROKER_UNAVAILABLE,
        ExitCode.APP_IMPORT_FAILED,
        ExitCode.PORT_TAKEN,
        ExitCode.NOT_ALLOWED,
        ExitCode.SETTINGS,
        ExitCode.UNSTABLE_IDENTITY,
        ExitCode.SEAT_TAKEN,
        ExitCode.SUPERSEDED,
        ExitCode.GROUP_FAILED,
    }
)
"""A supervisor does not restart a worker that ended with one of these: the next process would end the same way."""


def reference_markdown() -> str:
    """The table of all exit codes in Markdown, as it stands in the README."""
    rows = [f"| {code.value} | `{code.name}` | {code.meaning} |" for code in ExitCode]
    return "\n".join(["| code | name | meaning |", "|---|---|---|", *rows]) + "\n"

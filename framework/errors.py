"""The error tree: everything the framework raises on purpose; knows nothing of Kafka or Faust.

Each message is written for a person: what is wrong, what was found, what to set or do.
"""

from framework.exit_codes import ExitCode


class FrameworkError(Exception):
    """Base of all errors raised by the framework; catch it to catch them all."""

    exit_code = ExitCode.CRASHED


class SettingsError(FrameworkError):
    """Raised when settings are malformed or contradict each other; change the settings named in the message."""

    exit_code = ExitCode.SETTINGS


class AppNotFoundError(FrameworkError):
    """Raised when `MODULE:APP` leads to no app; check the name and the current folder."""

    exit_code = ExitCode.APP_NOT_FOUND


class AppImportError(FrameworkError):
    """Raised when the app's own module fails while it is imported; mend the app."""

    exit_code = ExitCode.APP_IMPORT_FAILED


class PortTakenError(FrameworkError):
    """Raised when a port to listen on is in use; choose another or stop the other process."""

    exit_code = ExitCode.PORT_TAKEN


class IdentityError(FrameworkError):
    """Base of errors about who this worker is."""

    exit_code = ExitCode.UNSTABLE_IDENTITY


class UnstableIdentityError(IdentityError):
    """Raised when no source gives an instance id that survives a restart; set a setting that the message names."""


class IllegalInstanceIdError(IdentityError):
    """Raised when an instance id breaks Kafka's rule for ids; choose another."""


class BrokerUnavailableError(FrameworkError):
    """Raised when no broker answers; check the address, and that Kafka runs."""

    exit_code = ExitCode.BROKER_UNAVAILABLE


class NotAllowedError(FrameworkError):
    """Raised when the broker refuses the credentials or a right is missing; check user, password and ACLs."""

    exit_code = ExitCode.NOT_ALLOWED


class AgentFailedError(FrameworkError):
    """Raised when an agent has failed at one record as often as it may; mend the agent, or remove the record.

    Attributes:
        agent: name of the agent.
        place: `topic[partition]@offset` of the record. It is not committed, so it comes again.
    """

    def __init__(self, agent: str, place: str, tries: int, error: BaseException) -> None:
        self.agent, self.place = agent, place
        often = "" if tries == 1 else f" {tries} times in a row"
        super().__init__(
            f"The agent {agent} failed{often} at {place}: {error!r}. The record is not committed and"
            " comes again when a worker starts. Mend the agent; FRAMEWORK_AGENT_TRIES is how often it may fail."
        )


class TaskCancelledError(FrameworkError):
    """Raised when a task that reads a stream was cancelled by something that it had awaited; mend the task.

    Attributes:
        places: `topic[partition]@offset` of each record that it had. They are not committed, so they come again.
    """

    def __init__(self, task: str, places: list[str]) -> None:
        self.places = places
        super().__init__(
            f"The task {task} was cancelled within while it had {', '.join(places)}. Nothing of that is committed; it"
            " comes again when a worker starts."
        )


class MembershipError(FrameworkError):
    """Base of errors about this worker's seat in its consumer group.

    Attributes:
        group_id: the consumer group, or None where unknown.
        group_instance_id: the static identity in it, or None for a dynamic member.
        member_id: what the broker called this member last, or None.
    """

    exit_code = ExitCode.GROUP_FAILED

    def __init__(
        self,
        message: str,
        *,
        group_id: str | None = None,
        group_instance_id: str | None = None,
        member_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.group_id = group_id
        self.group_instance_id = group_instance_id
        self.member_id = member_id


class FencedError(MembershipError):
    """Raised when another process joined with this worker's instance id; find it, only one of them may run."""

    exit_code = ExitCode.FENCED


class SeatTakenError(MembershipError):
    """Raised when another live process holds the seat for as long as this one may wait; the message names it."""

    exit_code = ExitCode.SEAT_TAKEN


class SupersededError(MembershipError):
    """Raised when a newer process holds this worker's seat and this one is not to wait for it."""

    exit_code = ExitCode.SUPERSEDED


class SeatLiveError(MembershipError):
    """Raised when a seat is to be taken from a live worker; stop that worker, or use force."""

    exit_code = ExitCode.SEAT_LIVE


class SeatNotFoundError(MembershipError):
    """Raised when there is no such group or seat; the message says which there are."""

    exit_code = ExitCode.NOT_FOUND


class GroupFailedError(MembershipError):
    """Raised when the coordinator's answer cannot be mended by trying again; do what the message says."""


class MembershipBrokenError(MembershipError):
    """Raised when the membership ended by a fault that no answer of the broker explains; start a new process."""

    exit_code = ExitCode.CRASHED


class GroupNotAllowedError(MembershipError):
    """Raised when this user may not use the group or a topic; grant READ on them."""

    exit_code = ExitCode.NOT_ALLOWED


class RosterUnavailableError(FrameworkError):
    """Raised when the roster cannot be read or written: topic or right missing, or no broker; grant what it names."""

    exit_code = ExitCode.NOT_ALLOWED


class SupervisorUnreachableError(FrameworkError):
    """Raised when no supervisor of this machine answers, or it is not clear which one is meant."""

    exit_code = ExitCode.NO_SUPERVISOR


class CheckFailedError(FrameworkError):
    """Raised when what a command waits for did not come about in time; the message says what is missing."""

    exit_code = ExitCode.CHECK_FAILED


class LocalKafkaError(FrameworkError):
    """Raised when the local Kafka cannot be started, reached or stopped; its log says why."""

    exit_code = ExitCode.LOCAL_KAFKA_FAILED


class JavaMissingError(LocalKafkaError):
    """Raised when Java or Maven is missing or too old; install what the message names."""

    exit_code = ExitCode.JAVA_MISSING

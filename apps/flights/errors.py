"""The errors of this app's commands, each with the exit code it ends the command with."""


class FlightsError(Exception):
    """Base of the errors of this app; the message is a sentence for the person at the terminal."""

    exit_code = 1


class DataUnavailableError(FlightsError):
    """Raised when the file of flights cannot be fetched or is not the one expected; do what the message says."""

    exit_code = 74


class ReplayFailedError(FlightsError):
    """Raised when rows were not acknowledged by Kafka; the message says how many were, replay again.

    Attributes:
        acknowledged: records that Kafka has for certain.
        wanted: records that the replay was to produce.
    """

    exit_code = 75

    def __init__(self, message: str, *, acknowledged: int, wanted: int) -> None:
        super().__init__(message)
        self.acknowledged = acknowledged
        self.wanted = wanted

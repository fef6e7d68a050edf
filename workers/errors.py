"""The errors of a worker.

WorkerError
    RemoteUnusable      the remote cannot be reached, or breaks its protocol
    ResetRefused        the remote answered a reset with an error
"""

from workers.entries import Fault


class WorkerError(Exception):
    """Base of all."""


class RemoteUnusable(WorkerError):
    """The remote cannot be reached, or breaks its protocol.

    Attributes:
        fault: what the trainer is told.
        final: trying again is no help: it refuses us, or its address can be no one's.
    """

    def __init__(self, fault: Fault, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.fault = fault
        self.final = final


class ResetRefused(WorkerError):
    """The remote answered a reset with an error."""


def readable(text: str, limit: int = 200) -> str:
    """What a peer said, fit for a message: one line, no control characters, not too long."""
    line = "".join(each if each.isprintable() else " " for each in text)
    return line if len(line) <= limit else f"{line[:limit]}..."

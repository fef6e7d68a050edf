"""What the numbers in the segment mean; the C face is entries.pxd."""

from enum import IntEnum

class EntryKind(IntEnum):
    """What a queue entry asks for."""

    KEY = 1
    POINTER = 2
    STEP = 3
    HOLD = 4
    RESET = 5

class EntryFlag(IntEnum):
    """Bits of an entry's `flags`."""

    AWAIT_EPISODE = 1

class Due(IntEnum):
    """When the row of a STEP is due."""

    NOW = 0
    AT = 1
    CHANGED = 2
    QUIET = 3

class Phase(IntEnum):
    """Where an environment is between its episodes."""

    STARTING = 0
    RUNNING = 1
    RESETTING = 2
    ENDED = 3
    FAULTY = 4

class Fault(IntEnum):
    """Why an episode was lost."""

    NO_FAULT = 0
    WORKER_DIED = 1
    WORKER_SILENT = 2
    CONNECTION_LOST = 3
    PROTOCOL_ERROR = 4
    REWARDER_LOST = 5
    RESET_FAILED = 6
    REMOTE_DIED = 7
    AUTHENTICATION = 8
    START_TIMEOUT = 9

class Flag(IntEnum):
    """Bits of a record's `flags`."""

    LETTERBOXED = 1
    PARTIAL = 2
    HAS_FINAL = 4
    INFO_ELSEWHERE = 8

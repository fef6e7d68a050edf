"""Letters between a worker's two threads; the C face is mail.pxd."""

from enum import IntEnum

class Letter(IntEnum):
    """What happened; the first group goes to the hot thread, the second to the main thread."""

    READY = 1
    RUNNING = 2
    REWARD = 3
    REMOTE_RESETS = 4
    LOST = 5
    SWITCH = 6
    STOP = 7
    EXCHANGE = 8
    PICTURE = 32
    RESET_WANTED = 33
    BROKEN = 34
    INFO_PUBLISHED = 35
    EXCHANGED = 36
    COPIED = 37

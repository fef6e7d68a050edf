"""What can go wrong with shared memory.

ShmError
    SegmentError        the memory is not there, or cannot be mapped
    LayoutMismatch      the memory is another version's, or no segment at all
    SlotOverwritten     the step's slot was opened for a later step
    RowHeld             a worker that may still live is writing the row
    RingClosed          the ring was closed, or belongs to the process that forked this one
"""


class ShmError(Exception):
    """Base of all errors of this package."""


class SegmentError(ShmError):
    """The memory of a segment cannot be had, grown or mapped."""


class LayoutMismatch(ShmError):
    """A descriptor does not hold a segment of this version's layout."""


class SlotOverwritten(ShmError):
    """So many further steps were opened that the slot now holds another one."""


class RowHeld(ShmError):
    """A row is claimed for an earlier step: end its writer and `seize` it first."""


class RingClosed(ShmError):
    """The ring was closed, or this process is a fork of the one that made it."""

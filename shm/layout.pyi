"""The Python face of layout.pxd, the one description of a session's segment."""

from enum import IntEnum
from typing import Any

import numpy as np

LAYOUT_VERSION: int
"""Changes whenever anything in the segment does; processes of two versions refuse each other."""
PAGE_BYTES: int
INFO_BYTES: int
"""Room for the msgpack of one info in a record."""

class RowState(IntEnum):
    """What a row's state word says beside its step: `state == step << 2 | RowState`."""

    EMPTY = 0
    CLAIMED = 1
    DONE = 2
    ABANDONED = 3

RECORD_DTYPE: np.dtype[Any]
ENTRY_DTYPE: np.dtype[Any]
CONTROL_DTYPE: np.dtype[Any]

def record_dtype() -> np.dtype[Any]:
    """The numbers beside a row. The three dtypes import NumPy when first asked for."""

def entry_dtype() -> np.dtype[Any]:
    """One entry of an environment's queue."""

def control_dtype() -> np.dtype[Any]:
    """An environment's control block, without the queue behind it."""

def segment_bytes(
    num_envs: int, height: int, width: int, channels: int, slots: int, queue_entries: int
) -> int:
    """How many bytes a segment of these sizes has.

    Raises:
        ValueError: a size that no segment can have; `queue_entries` is no power of two.
    """

def header_bytes(
    num_envs: int, height: int, width: int, channels: int, slots: int, queue_entries: int
) -> bytes:
    """What a new segment begins with; all else in it is zero. Raises as `segment_bytes`."""

def header_sizes(raw: bytes) -> dict[str, int]:
    """Read a header: `version`, the arguments of `segment_bytes`, `total_bytes`.

    Sizes and offsets are checked only where the version is this one.

    Raises:
        ValueError: the bytes are no segment's header.
    """

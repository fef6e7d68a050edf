"""Mapping a segment; the C face is view.pxd."""

from typing import final

from typing_extensions import Buffer

@final
class Memory(Buffer):
    """Mapped bytes; a buffer (`memoryview(memory)`), unmapped when nothing refers to it."""

    nbytes: int
    writable: bool

    def __len__(self) -> int: ...
    def populate(self, start: int, stop: int) -> None:
        """Fault in the pages of bytes `start` to `stop` without the GIL; contents stay as they are.

        Raises:
            ValueError: `start` is not on a page, or the bytes leave the mapping.
            SegmentError: the pages cannot be had.
        """

@final
class Mapping:
    """The whole segment behind a descriptor, mapped once for reading and writing.

    The descriptor may be closed afterwards. There is no close: the mapping ends with its last
    reference.

    Raises:
        LayoutMismatch: the descriptor holds no segment of this layout, or not all of it.
        SegmentError: it cannot be mapped.
    """

    memory: Memory
    sizes: dict[str, int]
    """As `shm.layout.header_sizes` gives them."""

    def __init__(self, fd: int) -> None: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def num_envs(self) -> int: ...

def read_sizes(fd: int) -> dict[str, int]:
    """Check that a descriptor holds a whole segment of this layout, and say its sizes.

    Raises:
        LayoutMismatch: it does not.
    """

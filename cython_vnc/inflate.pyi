"""zlib streams for Python: for tests. Decoders use them in C."""

from enum import IntEnum
from typing import Self

class Rule(IntEnum):
    """Which library goes on, wherever a stream allows a change."""

    BY_COST = 0
    ZLIB_ONLY = 1
    ISAL_ONLY = 2

class Inflater:
    """One stream, header and all (RFC 1950).

    Args:
        rule: which library to use.
    """

    def __new__(cls, rule: Rule = ...) -> Self: ...
    @property
    def library(self) -> str:
        """Which library has the stream: "zlib", "zlib-ng" or "isal"."""

    def feed(self, data: bytes, room_bytes: int) -> tuple[int, bytes]:
        """Inflate what came.

        Args:
            data: what follows what was fed before.
            room_bytes: no more than that is inflated; it has to be at least 1.

        Returns:
            0, or what is wrong as `INFLATE_` in inflate.pxd has it; and the output.
        """

    def follow(self, rule: Rule) -> None:
        """Change the rule, from the next call on."""

    def reset(self) -> None:
        """Begin a new stream."""

def isal_there(name: str | None = None) -> bool:
    """Whether ISA-L can be used; by `name`, whether a library of that name is ISA-L."""

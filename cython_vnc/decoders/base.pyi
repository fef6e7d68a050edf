"""What decoding comes to, as a number, and its words."""

from enum import IntEnum

class Status(IntEnum):
    OK = 0
    TRUNCATED = 1
    TRAILING = 2
    OUT_OF_BOUNDS = 3
    BAD_ZLIB = 4
    SHORT_ZLIB = 5
    LONG_ZLIB = 6
    BAD_JPEG = 7
    BAD_PALETTE = 8
    BAD_SUBENCODING = 9
    TOO_LARGE = 10
    NO_MEMORY = 11
    BAD_MESSAGE = 12
    UNKNOWN_ENCODING = 13

def status_text(status: int) -> str:
    """Say what a status means, in words for an error message, without a full stop."""

"""What a clipboard can hold, for who is above the workers: see `workers.keysyms`."""

from cython_vnc.clipboard import checked as checked_text
from cython_vnc.constants import Limit

MAX_TEXT_BYTES = int(Limit.MAX_TEXT_BYTES)

__all__ = ["MAX_TEXT_BYTES", "checked_text"]

"""What a clipboard can hold, for who is above the workers: see `workers.keysyms`."""

from cython_vnc.clipboard import checked as checked_text

__all__ = ["checked_text"]

"""What a pointer looks like, for who is above the workers: see `workers.keysyms`."""

from cython_vnc.events import PointerShape

__all__ = ["PointerShape"]

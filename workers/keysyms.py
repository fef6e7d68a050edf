"""Keysyms for who is above the workers: `envserver` does not import `cython_vnc`."""

from cython_vnc.keysym_names import X11_NAMES
from cython_vnc.keysyms import keysym

__all__ = ["X11_NAMES", "keysym"]

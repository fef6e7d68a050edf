"""Keysyms for who is above the workers: `envserver` does not import `cython_vnc`."""

from cython_vnc.keysyms import keysym

__all__ = ["keysym"]

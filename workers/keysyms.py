"""Keysyms for who is above the workers: `envserver` does not import `cython_vnc`."""

from cython_vnc.keysyms import keysym, parse_combination

__all__ = ["keysym", "parse_combination"]

"""What may be asked of VNC servers, for who is above the workers: see `workers.keysyms`."""

from cython_vnc.encodings import OPTIONS as VNC_OPTIONS

__all__ = ["VNC_OPTIONS"]

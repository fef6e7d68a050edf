"""Frames and records shared between processes: segment, ring, doorbells. Knows nothing of VNC."""

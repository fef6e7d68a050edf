"""A VNC server as a screen source."""

from cython_vnc.protocol import RFBProtocol
from workers.source import ScreenSource

class RFBSource(ScreenSource):
    """One connection after its handshake.

    Args:
        protocol: after `start`, with what the handshake left over already received.
        descriptor: a connected, non-blocking socket; the caller keeps it open while the source
            is used.
        fps: the session's frames a second, or None for as many as the server sends.
    """

    protocol: RFBProtocol
    def __init__(self, protocol: RFBProtocol, descriptor: int, fps: float | None) -> None: ...
    def probe(self) -> None:
        """Have the hot thread ask the server, by a fence, to say something."""

    @property
    def broke_protocol(self) -> bool:
        """Whether the server sent what the protocol does not allow."""

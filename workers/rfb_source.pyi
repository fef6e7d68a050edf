"""A VNC server as a screen source."""

from cython_vnc.events import PointerShape
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

    def give(self, text: str) -> None:
        """Prepare a text for `Parcel.OFFER`.

        Raises:
            ValueError: the server's clipboard cannot hold it (`cython_vnc.clipboard.offer_of`).
        """

    def want(self) -> None:
        """Prepare for another parcel."""

    def given(self) -> bool:
        """Whether the hot thread has handled the parcel; not where the connection is lost."""

    def text(self) -> str:
        """Give the text that was cut last, of `Parcel.TEXT`; empty before the first.

        Raises:
            ProtocolError: it was too long to be kept, or is corrupt.
        """

    def pointer_shape(self) -> PointerShape | None:
        """Give the pointer's shape, of `Parcel.SHAPE`; None until the server sends one."""

    @property
    def broke_protocol(self) -> bool:
        """Whether the server sent what the protocol does not allow."""

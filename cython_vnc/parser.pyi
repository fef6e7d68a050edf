from typing import Self

class RFBParser:
    """The C face of `protocol.RFBProtocol` (parser.pxd), with what Python may read of it."""

    def __new__(
        cls, width: int, height: int, *, max_width: int = 16384, max_height: int = 16384
    ) -> Self: ...
    lazy: bool
    """Keep updates until `RFBProtocol.picture` asks for their pixels, and decode what it shows."""

    @property
    def frame(self) -> int:
        """Number of whole FramebufferUpdates that came."""

    @property
    def rectangles(self) -> int:
        """Rectangles of pixels that came."""

    @property
    def pixels(self) -> int:
        """Pixels in those rectangles."""

    @property
    def bytes_received(self) -> int: ...
    @property
    def server_ns(self) -> int:
        """CLOCK_MONOTONIC at which the server sent the newest update, if it says so, else 0."""

    @property
    def has_picture(self) -> bool:
        """Whether every pixel was painted since the connection began or the size changed."""

    @property
    def partial(self) -> bool:
        """Whether the newest update was too long to be received whole (8 MiB)."""

    @property
    def resizes(self) -> int: ...
    @property
    def fence_supported(self) -> bool: ...
    @property
    def continuous_supported(self) -> bool: ...
    @property
    def continuous_enabled(self) -> bool: ...
    @property
    def fence_reply(self) -> int:
        """Payload of the newest 8-byte reply to a fence of ours."""

    @property
    def fence_replies(self) -> int: ...
    @property
    def qemu_keys(self) -> bool:
        """Whether the server takes key codes."""

    @property
    def bells(self) -> int: ...

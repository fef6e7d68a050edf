from collections.abc import Sequence

from cython_vnc.encodings import encodings_for as encodings_for
from cython_vnc.errors import RFBError
from cython_vnc.events import Event, PointerShape, Rect
from cython_vnc.parser import RFBParser

DEFAULT_ROOM_BYTES: int

class RFBProtocol(RFBParser):
    """The RFB client of one connection after its handshake: bytes in, a framebuffer out.

    It never touches a socket. For each piece that arrives:

        view = protocol.get_buffer()
        count = connection.recv_into(view)
        for event in protocol.buffer_updated(count):
            ...
        connection.sendall(protocol.data_to_send())     # it may have answered a Fence

    Not thread-safe: one thread at a time.

    Args:
        width, height: of the framebuffer, from ServerInit.
        max_width, max_height: what the server may resize it to, at most 16384.

    Raises:
        ValueError: a size that is not accepted.
    """

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def pointer_position(self) -> tuple[int, int]:
        """Where our newest PointerEvent put the pointer."""

    @property
    def pointer_shape(self) -> PointerShape | None:
        """The newest shape of the pointer; None until the server sends one."""

    def get_buffer(self, wanted_bytes: int = -1) -> memoryview:
        """Room to receive into, writable, of at least `wanted_bytes` (without: 256 KiB).

        It is meant for the next `buffer_updated` or `receive`; what is written to it later is lost.
        """

    def buffer_updated(self, count: int) -> list[Event]:
        """Handle `count` bytes that were put into the newest `get_buffer`.

        Returns:
            What the server said with whole messages, in its order. A message that has not come
            whole yet is kept.

        Raises:
            ProtocolError: the server broke the protocol; from then on each call raises.
            ValueError: `count` is more than fits, or the protocol is closed.
        """

    def receive(self, count: int) -> None:
        """As `buffer_updated`, without events and the GIL: for loops that look at `frame`."""

    def check(self) -> None:
        """Raise what `receive`, or `parse` in C, found wrong."""

    def error(self, status: int) -> RFBError:
        """The exception for what `parse` returned, with the place where it happened."""

    def damage_since(self, frame: int) -> list[Rect]:
        """What changed after `frame`, as runs of 16-pixel tiles, top to bottom."""

    def picture(self) -> memoryview:
        """View the framebuffer: uint8, (height, width, 4), B, G, R, X, read-only, rows padded.

        Shared with the decoders: it changes with the next update. After a resize or `close` it
        keeps the old picture for as long as it lives; take a new one.

        Raises:
            ProtocolError: the server broke the protocol.
        """

    @property
    def cut_texts(self) -> int:
        """How many texts the server cut."""

    @property
    def clipboard_caps(self) -> int:
        """What the server said its clipboard understands (`Clipboard`); 0: latin-1 alone."""

    def newest_cut_text(self) -> str:
        """What the server cut last; empty before.

        Raises:
            ProtocolError: it was too long to be kept, or is corrupt.
        """

    def data_to_send(self) -> bytes:
        """Take what is to be sent to the server now."""

    def start(self, encodings: Sequence[int]) -> None:
        """Queue SetPixelFormat, SetEncodings and a request for the whole screen.

        Args:
            encodings: the preferred first, 1 to 256 numbers; see `encodings_for`.
        """

    def subscribe(self, rectangles: Sequence[tuple[int, int, int, int]]) -> None:
        """Ask for updates of these parts of the screen only, (x, y, width, height) each.

        Incremental requests are confined to them once the whole screen was painted; continuous
        updates never are. None: the whole screen.

        Raises:
            ValueError: more than 16, or one that is no rectangle.
        """

    def write_update_request(self, incremental: bool = True) -> None:
        """Queue a FramebufferUpdateRequest for the whole screen (RFC 6143 section 7.5.3).

        An incremental one is for the parts of `subscribe`, one request each.
        """

    def write_key_event(self, keysym: int, down: bool, keycode: int | None = None) -> None:
        """Queue a KeyEvent (RFC 6143 section 7.5.4).

        Args:
            keycode: an XT scan code, for servers that announced `qemu_keys` (rfbproto, "QEMU
                Extended Key Event Message").

        Raises:
            ValueError: a key code for a server without `qemu_keys`.
        """

    def write_pointer_event(self, x: int, y: int, buttons: int = 0) -> None:
        """Queue a PointerEvent; `buttons` is a mask, bit 0 the left one (RFC 6143 section 7.5.5).

        Raises:
            ValueError: the place is outside of the framebuffer.
        """

    def write_cut_text(self, text: str) -> None:
        """Queue a ClientCutText of latin-1 (RFC 6143 section 7.5.6)."""

    def offer_text(self, text: str) -> None:
        """Queue what makes a text the server's clipboard: any text where it said `clipboard_caps`.

        Raises:
            ValueError: `cython_vnc.clipboard.offer_of` refuses it.
        """

    def write_enable_continuous(self, enable: bool) -> None:
        """Queue EnableContinuousUpdates for the whole screen.

        Raises:
            ValueError: the server has not shown that it knows them (`continuous_supported`).
        """

    def write_fence(self, payload: bytes, flags: int) -> None:
        """Queue a ClientFence request: `flags` of `FenceFlag`, up to 64 bytes of payload.

        A reply with 8 bytes of payload becomes a `FenceReply`.

        Raises:
            ValueError: a longer payload, or a server without fences (`fence_supported`).
        """

    def close(self) -> None:
        """Give the memory back now; afterwards every call that needs it raises ValueError."""

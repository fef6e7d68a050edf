"""From the first byte of a connection to ServerInit (RFC 6143 section 7.1 to 7.3).

Theory of operation: the conversation is one generator, which yields how many bytes it needs next
and gets exactly those; what it says is collected for `data_to_send`. It never reads beyond
ServerInit: bytes that came with it are in `leftover`.
"""

from collections.abc import Generator
from dataclasses import dataclass

from .constants import Limit, SecurityType
from .errors import AuthenticationError, ProtocolError, RFBError, UnsupportedServer
from .pixel_format import PIXEL_FORMAT_BYTES, PixelFormat
from .security import CHALLENGE_BYTES, vnc_key, vnc_response

VERSION_BYTES = 12
SHOWN_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ServerInit:
    """What the server says of its desktop."""

    width: int
    height: int
    pixel_format: PixelFormat
    name: str


class Handshake:
    """One connection's handshake.

    Args:
        password: for VNC Authentication, or None. It goes unused where the server asks for none.
        shared: let other clients of the server stay connected.
        max_width, max_height: the largest framebuffer accepted, in pixels.

    Raises:
        ValueError: the password has a character beyond latin-1.
    """

    def __init__(
        self,
        password: str | None = None,
        *,
        shared: bool = True,
        max_width: int = Limit.MAX_WIDTH_PX,
        max_height: int = Limit.MAX_HEIGHT_PX,
    ) -> None:
        if password is not None:
            vnc_key(password)
        self._password = password
        self._shared = shared
        self._max_size = (max_width, max_height)
        self._received = bytearray()
        self._outbound = bytearray()
        self._server_init: ServerInit | None = None
        self._failure: RFBError | None = None
        self.version: tuple[int, int] | None = None
        """What both sides speak: (3, 3), (3, 7) or (3, 8)."""
        self.security_type: int | None = None
        self.waiting_for = "its version"
        """What the server has to say next, for the message when it says nothing or hangs up."""
        self._conversation = self._converse()
        self._needed = next(self._conversation)

    @property
    def done(self) -> bool:
        return self._server_init is not None

    @property
    def server_init(self) -> ServerInit:
        """What the server said last; only when `done`."""
        if self._server_init is None:
            raise ValueError(
                f"the handshake is not done: the server still has to say {self.waiting_for}"
            )
        return self._server_init

    @property
    def leftover(self) -> bytes:
        """Bytes that came after ServerInit, for `RFBProtocol`; empty until `done`."""
        return bytes(self._received) if self.done else b""

    def feed(self, data: bytes) -> None:
        """Take what the server sent.

        Raises:
            ProtocolError: it is no VNC server, or breaks the protocol.
            AuthenticationError: it wants a password that we lack, calls ours wrong, or refuses us.
            UnsupportedServer: its version or its security types are not known here.
        """
        if self._failure is not None:
            raise self._failure
        self._received += data
        try:
            while not self.done and len(self._received) >= self._needed:
                taken = bytes(self._received[: self._needed])
                del self._received[: self._needed]
                self._needed = self._conversation.send(taken)
        except StopIteration as stop:
            self._server_init = stop.value
        except RFBError as error:
            self._failure = error
            raise

    def data_to_send(self) -> bytes:
        """Take what is to be sent to the server now."""
        data = bytes(self._outbound)
        self._outbound.clear()
        return data

    def _converse(self) -> Generator[int, bytes, ServerInit]:
        self.version = yield from self._agree_on_version()
        self.security_type = yield from self._agree_on_security()
        if self.security_type == SecurityType.VNC_AUTHENTICATION:
            yield from self._authenticate()
        if self.security_type != SecurityType.NONE or self.version >= (3, 8):
            yield from self._read_security_result()
        self._outbound.append(self._shared)
        return (yield from self._read_server_init())

    def _agree_on_version(self) -> Generator[int, bytes, tuple[int, int]]:
        magic = yield 4
        if magic != b"RFB ":
            shown = magic + self._received[: VERSION_BYTES - len(magic)]
            raise ProtocolError(f"not a VNC server: its first bytes are {bytes(shown)!r}")
        line = magic + (yield VERSION_BYTES - len(magic))
        major, minor = line[4:7], line[8:11]
        if not (line[7:8] == b"." and line[11:] == b"\n" and major.isdigit() and minor.isdigit()):
            raise ProtocolError(f"not a VNC server: its first bytes are {line!r}")
        offered = int(major), int(minor)
        if offered < (3, 3):
            raise UnsupportedServer(
                f"the server speaks RFB {offered[0]}.{offered[1]}, expected 3.3 or later"
            )
        # Odd numbers below 3.7 mean 3.3 (RFC 6143 section 7.1.1); 3.889 (Apple), 4.x and 5.x
        # (RealVNC) take 3.8.
        version = (3, 8) if offered >= (3, 8) else (3, 7) if offered == (3, 7) else (3, 3)
        self._outbound += b"RFB %03d.%03d\n" % version
        return version

    def _agree_on_security(self) -> Generator[int, bytes, int]:
        self.waiting_for = "its security types"
        if self.version == (3, 3):
            offered = [int.from_bytes((yield 4))]
            if offered == [SecurityType.INVALID]:
                offered = []
        else:
            (count,) = yield 1
            offered = list((yield count))
        if not offered:
            reason = yield from self._read_reason()
            raise AuthenticationError(f"the server refuses the connection: {reason}")
        preferred = [SecurityType.NONE, SecurityType.VNC_AUTHENTICATION]
        if self._password is not None:
            preferred.reverse()
        chosen = next((kind for kind in preferred if kind in offered), None)
        if chosen is None:
            raise UnsupportedServer(f"the server offers no security type we know: {offered}")
        if self.version != (3, 3):
            self._outbound.append(chosen)
        return int(chosen)

    def _authenticate(self) -> Generator[int, bytes, None]:
        if self._password is None:
            raise AuthenticationError("the server wants a password, and none was given")
        self.waiting_for = "its challenge"
        challenge = yield CHALLENGE_BYTES
        self._outbound += vnc_response(self._password, challenge)

    def _read_security_result(self) -> Generator[int, bytes, None]:
        self.waiting_for = "whether it lets us in"
        result = int.from_bytes((yield 4))
        if result == 0:
            return
        # Before 3.8 there is no reason (RFC 6143 appendix A); 2 is "too many attempts" there.
        reason = "no reason given"
        if self.version is not None and self.version >= (3, 8):
            reason = yield from self._read_reason()
        if self.security_type == SecurityType.VNC_AUTHENTICATION and result == 1:
            raise AuthenticationError(f"wrong password (the server: {reason})")
        raise AuthenticationError(f"the server refuses the connection: {reason}")

    def _read_reason(self) -> Generator[int, bytes, str]:
        self.waiting_for = "why it refuses"
        size = int.from_bytes((yield 4))
        _check_length("reason", size, Limit.MAX_REASON_BYTES)
        return _readable((yield size))

    def _read_server_init(self) -> Generator[int, bytes, ServerInit]:
        self.waiting_for = "its ServerInit"
        width, height = int.from_bytes((yield 2)), int.from_bytes((yield 2))
        most = (
            min(self._max_size[0], Limit.MAX_WIDTH_PX),
            min(self._max_size[1], Limit.MAX_HEIGHT_PX),
        )
        if (
            not (1 <= width <= most[0] and 1 <= height <= most[1])
            or width * height > Limit.MAX_AREA_PX
        ):
            raise ProtocolError(
                f"the server's framebuffer is {width}x{height}, expected 1x1 to {most[0]}x{most[1]}"
                f" and at most {int(Limit.MAX_AREA_PX)} pixels"
            )
        pixel_format = PixelFormat.unpack((yield PIXEL_FORMAT_BYTES))
        size = int.from_bytes((yield 4))
        _check_length("desktop name", size, Limit.MAX_NAME_BYTES)
        return ServerInit(width, height, pixel_format, _readable((yield size)))


def _check_length(what: str, found_bytes: int, most_bytes: int) -> None:
    if found_bytes > most_bytes:
        raise ProtocolError(
            f"{what} of {found_bytes} bytes, at most {int(most_bytes)} are accepted"
        )


def _readable(text: bytes) -> str:
    """A stranger's text for a log or a terminal: one line, no control characters, not too long."""
    line = " ".join(text.decode("utf-8", "replace").split())
    return "".join(c if c.isprintable() else "?" for c in line)[:SHOWN_REASON_CHARACTERS]

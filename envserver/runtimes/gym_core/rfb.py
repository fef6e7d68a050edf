"""The server's half of RFB: a viewer's bytes in, events and replies out (RFC 6143, rfbproto).

Handshake for 3.3, 3.7 and 3.8 with security None or VncAuth, then the client's messages. No socket:
the caller sends `take_replies()` and acts on the events.
"""

import dataclasses
import hmac
import secrets
import struct
import warnings
from collections.abc import Iterator

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.errors import RfbError
from envserver.runtimes.gym_core.pixels import CANVAS_FORMAT, PixelFormat, parse_pixel_format

NONE, VNC_AUTH = 1, 2
VERSIONS = {"3.3": b"RFB 003.003\n", "3.7": b"RFB 003.007\n", "3.8": b"RFB 003.008\n"}
MAX_SKIPPED_BYTES = 1 << 24
MAX_FENCE_PAYLOAD = 64
FENCE_REQUEST = 0x80000000
FENCE_BLOCK_BEFORE, FENCE_BLOCK_AFTER, FENCE_SYNC_NEXT = 1, 2, 4
_FENCE_KNOWN = FENCE_BLOCK_BEFORE | FENCE_BLOCK_AFTER | FENCE_SYNC_NEXT

_Steps = Iterator[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """The viewer was let in: from here on it gets updates."""

    shared: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """The viewer gave a wrong password; close when the replies are sent."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    keysym: int
    down: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Pointer:
    x: int
    y: int
    mask: int


@dataclasses.dataclass(frozen=True, slots=True)
class UpdateRequest:
    incremental: bool
    rect: Rect


@dataclasses.dataclass(frozen=True, slots=True)
class Encodings:
    encodings: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    format: PixelFormat


@dataclasses.dataclass(frozen=True, slots=True)
class Fence:
    flags: int
    payload: bytes

    @property
    def is_request(self) -> bool:
        return bool(self.flags & FENCE_REQUEST)


@dataclasses.dataclass(frozen=True, slots=True)
class ContinuousUpdates:
    enable: bool
    rect: Rect


Event = (
    Ready | Refused | Key | Pointer | UpdateRequest | Encodings | Format | Fence | ContinuousUpdates
)


class RfbSession:
    """One viewer's protocol state.

    Args:
        width: Of the desktop, in pixels.
        height: Of the desktop, in pixels.
        name: Of the desktop.
        password: For VncAuth; None for security None.
        version: The newest version that is offered.
        refuse: Refuse the viewer whatever it answers.
    """

    def __init__(
        self,
        width: int,
        height: int,
        name: str,
        *,
        password: str | None = None,
        version: str = "3.8",
        refuse: bool = False,
    ) -> None:
        self._size = (width, height)
        self._name = name.encode()
        self._password = password
        self._refuse = refuse
        self._buffer = bytearray()
        self._start = 0
        self._replies = bytearray(VERSIONS[version])
        self._offered = version
        self._events: list[Event] = []
        self._parser = self._conversation()
        self._needed = next(self._parser)

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they came.

        Raises:
            RfbError: the viewer broke the protocol; nothing more may be fed.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) - self._start >= self._needed:
            self._needed = next(self._parser)
        del buffer[: self._start]
        self._start = 0
        if not self._events:
            return []
        events, self._events = self._events, []
        return events

    def take_replies(self) -> bytes:
        """The bytes that answer what was fed; the server's greeting at first."""
        if not self._replies:
            return b""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[self._start : self._start + count])
        self._start += count
        return taken

    def _conversation(self) -> _Steps:
        """Yields how many bytes it needs; is resumed when they are there."""
        yield 12
        version = self._agreed_version(self._take(12))
        kind = NONE if self._password is None else VNC_AUTH
        if version == "3.3":
            self._replies += struct.pack(">I", kind)
        else:
            self._replies += bytes((1, kind))
            yield 1
            chosen = self._take(1)[0]
            if chosen != kind:
                raise RfbError(f"security type {chosen} chosen, offered was {kind}")
        refused = self._refuse
        if kind == VNC_AUTH:
            challenge = secrets.token_bytes(16)
            self._replies += challenge
            yield 16
            expected = vnc_auth_response(self._password or "", challenge)
            refused |= not hmac.compare_digest(self._take(16), expected)
        if kind == VNC_AUTH or version == "3.8" or refused:
            self._replies += struct.pack(">I", refused)
        if refused:
            reason = b"wrong password"
            if version == "3.8":
                self._replies += struct.pack(">I", len(reason)) + reason
            self._events.append(Refused(reason.decode()))
            while True:
                yield 1
                self._take(1)
        yield 1
        shared = bool(self._take(1)[0])
        self._replies += struct.pack(">HH", *self._size) + CANVAS_FORMAT.pack()
        self._replies += struct.pack(">I", len(self._name)) + self._name
        self._events.append(Ready(shared))
        while True:
            yield 1
            yield from self._message(self._take(1)[0])

    def _agreed_version(self, greeting: bytes) -> str:
        """(RFC 6143 section 7.1.1); an unknown version counts as 3.3, a later one as ours."""
        try:
            if greeting[:4] != b"RFB " or greeting[7:8] != b"." or greeting[11:] != b"\n":
                raise ValueError
            major, minor = int(greeting[4:7]), int(greeting[8:11])
        except ValueError:
            raise RfbError(f"viewer greets with {greeting!r}, expected an RFB version") from None
        if (major, minor) >= (3, 8):
            return self._offered
        return min("3.7" if (major, minor) == (3, 7) else "3.3", self._offered)

    def _message(self, kind: int) -> _Steps:
        events = self._events
        if kind == 3:
            yield 9
            incremental, *rect = struct.unpack(">BHHHH", self._take(9))
            events.append(UpdateRequest(bool(incremental), Rect(*rect)))
        elif kind == 4:
            yield 7
            down, key = struct.unpack(">BxxI", self._take(7))
            events.append(Key(key, bool(down)))
        elif kind == 5:
            yield 5
            mask, x, y = struct.unpack(">BHH", self._take(5))
            events.append(Pointer(x, y, mask))
        elif kind == 0:
            yield 19
            events.append(Format(parse_pixel_format(self._take(19)[3:])))
        elif kind == 2:
            yield 3
            (count,) = struct.unpack(">xH", self._take(3))
            yield 4 * count
            events.append(Encodings(struct.unpack(f">{count}i", self._take(4 * count))))
        elif kind == 6:
            yield 7
            (length,) = struct.unpack(">xxxi", self._take(7))
            yield from self._skip_bytes(abs(length))
        else:
            yield from self._extension(kind)

    def _extension(self, kind: int) -> _Steps:
        if kind == 248:
            yield 8
            flags, length = struct.unpack(">xxxIB", self._take(8))
            if length > MAX_FENCE_PAYLOAD:
                raise RfbError(f"fence payload of {length} bytes, at most {MAX_FENCE_PAYLOAD}")
            yield length
            self._events.append(Fence(flags, self._take(length)))
        elif kind == 150:
            yield 9
            enable, *rect = struct.unpack(">BHHHH", self._take(9))
            self._events.append(ContinuousUpdates(bool(enable), Rect(*rect)))
        elif kind == 255:
            yield 1
            if self._take(1)[0] != 0:
                raise RfbError("unknown QEMU client message")
            yield 10
            down, key = struct.unpack(">HIxxxx", self._take(10))
            self._events.append(Key(key, bool(down)))
        elif kind == 251:
            yield 7
            (screens,) = struct.unpack(">xxxxxBx", self._take(7))
            yield from self._skip_bytes(16 * screens)
        elif kind == 250:
            yield 3
            self._take(3)
        else:
            raise RfbError(f"unknown message type {kind}")

    def _skip_bytes(self, count: int) -> _Steps:
        if count > MAX_SKIPPED_BYTES:
            raise RfbError(f"cut text of {count} bytes, at most {MAX_SKIPPED_BYTES}")
        while count:
            part = min(count, 1 << 16)
            yield part
            self._take(part)
            count -= part


def fence(flags: int, payload: bytes) -> bytes:
    """A Fence message of the server."""
    return struct.pack(">BxxxIB", 248, flags, len(payload)) + payload


def fence_reply(asked: Fence) -> bytes:
    """The answer to a Fence request: the same payload, the flags that are understood."""
    return fence(asked.flags & _FENCE_KNOWN, asked.payload)


def vnc_auth_response(password: str, challenge: bytes) -> bytes:
    """DES of the challenge, the key's bits mirrored in each byte (RFC 6143 section 7.2.2)."""
    key = password.encode("latin-1", "replace")[:8].ljust(8, b"\0")
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    with warnings.catch_warnings():
        # Three equal keys make TripleDES the single DES that the protocol prescribes.
        warnings.simplefilter("ignore")
        # VncAuth encrypts two independent blocks.
        cipher = Cipher(TripleDES(mirrored * 3), modes.ECB())
    encryptor = cipher.encryptor()
    return encryptor.update(challenge) + encryptor.finalize()

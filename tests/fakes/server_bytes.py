"""What a VNC server may say, good or bad, as bytes (RFC 6143 section 7.6, rfbproto)."""

import struct

from cython_vnc.constants import Encoding
from cython_vnc.events import Event
from cython_vnc.protocol import RFBProtocol

BELL = b"\x02"
END_OF_CONTINUOUS_UPDATES = b"\x96"
FENCE_REQUEST = 1 << 31


def rectangle(
    x: int, y: int, width: int, height: int, encoding: int, payload: bytes = b""
) -> bytes:
    return struct.pack(">4Hi", x, y, width, height, encoding) + payload


def raw(x: int, y: int, width: int, height: int, pixel: bytes = b"\x01\x02\x03\x00") -> bytes:
    return rectangle(x, y, width, height, Encoding.RAW, pixel * (width * height))


def last_rectangle() -> bytes:
    return rectangle(0, 0, 0, 0, Encoding.LAST_RECT)


def update(*rectangles: bytes, count: int | None = None) -> bytes:
    """A FramebufferUpdate; `count` where its header lies, or leaves the end to LastRect."""
    return struct.pack(">BxH", 0, len(rectangles) if count is None else count) + b"".join(
        rectangles
    )


def desktop_size(width: int, height: int) -> bytes:
    return rectangle(0, 0, width, height, Encoding.DESKTOP_SIZE)


def extended_desktop_size(width: int, height: int, reason: int = 0, result: int = 0) -> bytes:
    screen = struct.pack(">I4HI", 1, 0, 0, width, height, 0)
    payload = b"\x01\0\0\0" + screen
    return rectangle(reason, result, width, height, Encoding.EXTENDED_DESKTOP_SIZE, payload)


def timestamp(ns: int) -> bytes:
    return struct.pack(">Qi", ns, Encoding.TIMESTAMP)


def cursor(width: int, height: int, pixels: bytes, mask: bytes, hotspot: tuple[int, int]) -> bytes:
    return rectangle(*hotspot, width, height, Encoding.CURSOR, pixels + mask)


def fence(flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">B3xIB", 248, flags, len(payload)) + payload


def cut_text(text: bytes, length: int | None = None) -> bytes:
    return struct.pack(">B3xi", 3, len(text) if length is None else length) + text


def colour_map(first: int, count: int) -> bytes:
    return struct.pack(">BxHH", 1, first, count) + bytes(6 * count)


def feed(protocol: RFBProtocol, data: bytes) -> list[Event]:
    """Let it receive all of `data` at once."""
    protocol.get_buffer(max(1, len(data)))[: len(data)] = data
    return protocol.buffer_updated(len(data))


def feed_in_pieces(protocol: RFBProtocol, data: bytes, piece_bytes: int) -> list[Event]:
    found: list[Event] = []
    for begin in range(0, len(data), piece_bytes):
        found += feed(protocol, data[begin : begin + piece_bytes])
    return found

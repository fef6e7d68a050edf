"""What no server should send: one `ProtocolError` comes out, which says what was wrong."""

import struct
from collections.abc import Callable

import pytest
from fakes.clients import NewClient, colors, feed_and_look
from fakes.server_bytes import (
    FENCE_REQUEST,
    colour_map,
    cursor,
    cut_text,
    desktop_size,
    extended_desktop_size,
    feed,
    feed_in_pieces,
    fence,
    raw,
    rectangle,
    update,
)

from cython_vnc.constants import Encoding
from cython_vnc.errors import DecodeError, ProtocolError
from cython_vnc.protocol import RFBProtocol

PIXEL_ENCODINGS = [
    Encoding.RAW,
    Encoding.COPYRECT,
    Encoding.RRE,
    Encoding.HEXTILE,
    Encoding.ZLIB,
    Encoding.TIGHT,
    Encoding.ZRLE,
]
OUTSIDE = [
    (0, 0, 101, 1),
    (0, 0, 1, 51),
    (100, 0, 1, 1),
    (0, 50, 1, 1),
    (60, 0, 41, 1),
    (0, 0, 65535, 65535),
    (65535, 65535, 65535, 65535),
    # Its area would fit.
    (0, 0, 200, 20),
    (101, 0, 0, 0),
]


@pytest.fixture
def protocol(new_client: NewClient) -> RFBProtocol:
    return new_client(100, 50)


@pytest.mark.parametrize("encoding", PIXEL_ENCODINGS, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("place", OUTSIDE, ids=str)
def test_rectangles_outside(
    protocol: RFBProtocol, encoding: Encoding, place: tuple[int, int, int, int]
) -> None:
    x, y, width, height = place
    expected = (
        f"^{encoding.name.lower()}: rectangle {width}x{height}\\+{x}\\+{y} leaves the 100x50 "
    )
    with pytest.raises(DecodeError, match=expected):
        feed(protocol, update(rectangle(*place, encoding)))
    assert protocol.damage_since(0) == []


def test_nothing_of_an_update_with_a_bad_rectangle_is_painted(protocol: RFBProtocol) -> None:
    with pytest.raises(DecodeError, match="leaves"):
        feed(protocol, update(raw(0, 0, 100, 50), raw(1, 0, 100, 50)))
    assert (protocol.frame, protocol.rectangles) == (0, 0)
    assert protocol.damage_since(0) == []


def test_a_failure_is_final(protocol: RFBProtocol) -> None:
    with pytest.raises(ProtocolError, match="type 77") as first:
        feed(protocol, b"\x4d")
    for _ in range(2):
        with pytest.raises(ProtocolError) as again:
            feed(protocol, update(raw(0, 0, 1, 1)))
        assert str(again.value) == str(first.value)
    with pytest.raises(ProtocolError, match="type 77"):
        colors(protocol)
    assert protocol.frame == 0


def screens(count: int) -> bytes:
    payload = struct.pack(">B3x", count) + bytes(16 * count)
    return rectangle(0, 0, 100, 50, Encoding.EXTENDED_DESKTOP_SIZE, payload)


REFUSED: dict[str, tuple[bytes, str]] = {
    "message type": (b"\xff", "server message of type 255 is not known"),
    "resize to nothing": (update(desktop_size(0, 0)), "resizes its framebuffer to 0x0"),
    "resize beyond": (update(desktop_size(65535, 65535)), "framebuffer to 65535x65535"),
    "resize area": (update(extended_desktop_size(16384, 4097)), "framebuffer to 16384x4097"),
    "cursor": (update(rectangle(0, 0, 513, 1, Encoding.CURSOR)), "shape of 513x1, at most 512x512"),
    "cursor of 65535": (update(rectangle(0, 0, 65535, 65535, Encoding.CURSOR)), "65535x65535"),
    "desktop name": (
        update(rectangle(0, 0, 0, 0, Encoding.DESKTOP_NAME, b"\xff\xff\xff\xff")),
        "desktop name of 4294967295 bytes",
    ),
    "cut text": (cut_text(b"", (16 << 20) + 1), "server cut text of 16777217 bytes"),
    "cut text of 2 GB": (cut_text(b"", 0x7FFFFFFF), "server cut text of 2147483647 bytes"),
    "extended clipboard": (cut_text(b"", -(1 << 31)), "server cut text of 2147483648 bytes"),
    "fence": (fence(FENCE_REQUEST, bytes(65)), "fence payload of 65 bytes, at most 64"),
    "fence of 255": (fence(0, bytes(255)), "fence payload of 255 bytes"),
    "unknown encoding": (update(rectangle(1, 2, 3, 4, 21)), r"3x4\+1\+2 has unknown encoding 21"),
    "X cursor": (update(rectangle(0, 0, 8, 8, -240)), "unknown encoding -240"),
    "H.264": (update(rectangle(0, 0, 8, 8, 50)), "unknown encoding 50"),
    "copy from outside": (
        update(rectangle(0, 0, 8, 8, Encoding.COPYRECT, struct.pack(">HH", 93, 0))),
        r"copyrect: rectangle 8x8\+0\+0 has a part, run or copy source outside",
    ),
}


@pytest.mark.parametrize("piece_bytes", [1, 10_000])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(protocol: RFBProtocol, name: str, piece_bytes: int) -> None:
    data, message = REFUSED[name]
    with pytest.raises(ProtocolError, match=message):
        feed_and_look(protocol, data, piece_bytes)


ACCEPTED: dict[str, bytes] = {
    "255 screens": update(screens(255)),
    "no screens": update(screens(0)),
    "a colour map beyond its end": colour_map(65535, 65535),
    "continuous updates end unasked": b"\x96" * 1000,
    "a cursor whose hotspot is outside": update(cursor(1, 1, bytes(4), b"\0", (65535, 9))),
    "an invisible cursor": update(cursor(0, 0, b"", b"", (0, 0))),
    "a cursor without height": update(cursor(9, 0, b"", b"", (0, 0))),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_and_accepted(protocol: RFBProtocol, name: str) -> None:
    feed(protocol, ACCEPTED[name] + update(raw(0, 0, 1, 1)))
    assert protocol.rectangles == 1
    assert colors(protocol)[0, 0].tolist() == [1, 2, 3]
    assert colors(protocol).sum() == 6


def test_a_fence_flood_does_not_grow_memory(protocol: RFBProtocol) -> None:
    flood = fence(FENCE_REQUEST, bytes(64)) * 1000
    with pytest.raises(ProtocolError, match="reads none: 104"):
        feed_in_pieces(protocol, flood * 20, len(flood))
    assert len(protocol.data_to_send()) <= (1 << 20) + 73


def test_a_fence_flood_that_is_read_is_answered(protocol: RFBProtocol) -> None:
    for _ in range(20):
        feed(protocol, fence(FENCE_REQUEST, bytes(64)) * 1000)
        assert len(protocol.data_to_send()) == 73_000


def test_a_flood_of_resizes_ends(protocol: RFBProtocol) -> None:
    flood = b"".join(update(desktop_size(width, 2)) for width in (3, 4)) * 60_000
    protocol.get_buffer(len(flood))[: len(flood)] = flood
    with pytest.raises(ProtocolError, match="reads none"):
        protocol.receive(len(flood))
    assert 100_000 < protocol.resizes < 110_000
    with pytest.raises(ProtocolError, match="reads none"):
        colors(protocol)


def test_an_endless_update_is_bounded_by_its_rectangles(protocol: RFBProtocol) -> None:
    data = update(*[raw(0, 0, 0, 0)] * 65535, count=0xFFFF)
    assert len(feed(protocol, data)) == 1
    assert not colors(protocol).any()


def dribbles() -> dict[str, Callable[[], bytes]]:
    return {
        "update": lambda: update(raw(0, 0, 3, 3)),
        "cursor": lambda: update(cursor(3, 3, bytes(36), bytes(3), (1, 1))),
        "resize": lambda: update(extended_desktop_size(70, 70)),
        "fence": lambda: fence(0, bytes(8)),
        "cut text": lambda: cut_text(b"text"),
        "colour map": lambda: colour_map(0, 3),
    }


@pytest.mark.parametrize("name", dribbles())
def test_what_is_cut_short_is_waited_for(new_client: NewClient, name: str) -> None:
    data = dribbles()[name]()
    for end in range(len(data)):
        protocol = new_client(100, 50)
        assert feed_in_pieces(protocol, data[:end], 1) == []
        assert (protocol.frame, protocol.bytes_received) == (0, end)
        assert not colors(protocol).any()

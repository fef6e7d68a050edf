"""FramebufferUpdates: received whole, painted at once, with their damage."""

import itertools

import numpy as np
import pytest
from fakes.clients import NewClient
from fakes.server_bytes import (
    cursor,
    desktop_size,
    extended_desktop_size,
    feed,
    feed_in_pieces,
    last_rectangle,
    raw,
    rectangle,
    timestamp,
    update,
)

from cython_vnc.constants import Encoding
from cython_vnc.events import FramebufferUpdated, PointerShapeChanged, Rect, Resized
from cython_vnc.protocol import RFBProtocol

RED = b"\x00\x00\xff\x00"
BLUE = b"\xff\x00\x00\x00"


def colors(protocol: RFBProtocol) -> set[tuple[int, ...]]:
    """B, G, R of every pixel."""
    pixels = np.array(protocol.picture()).view(np.uint32) & 0xFFFFFF
    return {(int(n) & 255, int(n) >> 8 & 255, int(n) >> 16) for n in np.unique(pixels)}


def test_paints_and_tells_the_damage_by_tiles(new_client: NewClient) -> None:
    protocol = new_client(40, 24)
    events = feed(protocol, update(raw(17, 3, 2, 14, RED)))
    damage = (Rect(16, 0, 16, 16), Rect(16, 16, 16, 8))
    assert events == [FramebufferUpdated(frame=1, damage=damage, begin_byte=0, end_byte=128)]
    picture = np.asarray(protocol.picture())
    assert picture.shape == (24, 40, 4)
    assert (picture[3:17, 17:19, :3] == (0, 0, 255)).all()
    assert picture[:, :, :3].sum() == 2 * 14 * 255
    assert (protocol.frame, protocol.rectangles, protocol.pixels) == (1, 1, 28)


def test_damage_since_an_older_frame_adds_up(new_client: NewClient) -> None:
    protocol = new_client(64, 16)
    feed(protocol, update(raw(0, 0, 1, 1)) + update(raw(40, 0, 1, 1)))
    assert protocol.damage_since(0) == [Rect(0, 0, 16, 16), Rect(32, 0, 16, 16)]
    assert protocol.damage_since(1) == [Rect(32, 0, 16, 16)]
    assert protocol.damage_since(2) == []


def test_an_update_is_painted_only_when_it_has_come_whole(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    data = update(raw(0, 0, 16, 8, RED), raw(0, 8, 16, 8, BLUE))
    for byte in range(len(data) - 1):
        assert feed(protocol, data[byte : byte + 1]) == []
        assert protocol.frame == 0
    assert colors(protocol) == {(0, 0, 0)}
    (event,) = feed(protocol, data[-1:])
    assert isinstance(event, FramebufferUpdated)
    assert colors(protocol) == {(0, 0, 255), (255, 0, 0)}


def test_bytes_after_an_update_wait_for_theirs(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    following = update(raw(0, 0, 4, 4, BLUE))
    feed(protocol, update(raw(0, 0, 16, 16, RED)) + following[:20])
    assert (protocol.frame, colors(protocol)) == (1, {(0, 0, 255)})
    feed(protocol, following[20:])
    assert (protocol.frame, colors(protocol)) == (2, {(0, 0, 255), (255, 0, 0)})


def test_rectangles_are_painted_in_order(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    copy = rectangle(8, 0, 8, 16, Encoding.COPYRECT, b"\0\0\0\0")
    feed(protocol, update(raw(0, 0, 16, 16, RED), raw(0, 0, 8, 16, BLUE), copy))
    assert colors(protocol) == {(255, 0, 0)}


@pytest.mark.parametrize("count", [0xFFFF, 5])
def test_last_rect_ends_an_update(new_client: NewClient, count: int) -> None:
    protocol = new_client(16, 16)
    data = update(raw(0, 0, 16, 8), last_rectangle(), count=count)
    assert len(feed(protocol, data + update(raw(0, 0, 1, 1)))) == 2
    assert protocol.rectangles == 2


def test_an_update_of_no_rectangles_counts(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    assert feed(protocol, update()) == [FramebufferUpdated(1, (), 0, 4)]


def test_a_rectangle_of_no_pixels_paints_nothing(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    assert feed(protocol, update(raw(5, 5, 0, 0), raw(16, 0, 0, 16)))[0] == FramebufferUpdated(
        1, (), 0, 28
    )


def test_has_picture_when_every_pixel_was_painted(new_client: NewClient) -> None:
    protocol = new_client(131, 3)
    missing_one = [raw(0, 0, 131, 2), raw(0, 2, 64, 1), raw(65, 2, 66, 1), raw(0, 0, 131, 2)]
    for part in missing_one:
        feed(protocol, update(part))
        assert not protocol.has_picture
    feed(protocol, update(raw(64, 2, 1, 1)))
    assert protocol.has_picture


@pytest.mark.parametrize("width", [1, 63, 64, 65, 130])
def test_has_picture_counts_each_pixel_once(new_client: NewClient, width: int) -> None:
    protocol = new_client(width, 2)
    places = list(itertools.product(range(width), range(2)))
    for x, y in places[1:]:
        feed(protocol, update(raw(x, y, 1, 1), raw(x, y, 1, 1)))
        assert not protocol.has_picture
    feed(protocol, update(raw(0, 0, 1, 1)))
    assert protocol.has_picture


class TestResize:
    """DesktopSize and ExtendedDesktopSize."""

    @pytest.mark.parametrize("resize", [desktop_size, extended_desktop_size])
    def test_keeps_what_fits_and_asks_for_the_rest(self, new_client: NewClient, resize) -> None:  # type: ignore[no-untyped-def]
        protocol = new_client(32, 32)
        feed(protocol, update(raw(0, 0, 32, 32, RED)))
        begin_byte = protocol.bytes_received
        events = feed(protocol, update(resize(40, 20)))
        everything = tuple(Rect(0, y, 40, min(16, 20 - y)) for y in (0, 16))
        assert events == [
            Resized(40, 20),
            FramebufferUpdated(2, everything, begin_byte, protocol.bytes_received),
        ]
        assert (protocol.width, protocol.height, protocol.resizes) == (40, 20, 1)
        picture = np.asarray(protocol.picture())[:, :, :3]
        assert (picture[:, :32] == (0, 0, 255)).all()
        assert (picture[:, 32:] == 0).all()
        assert not protocol.has_picture
        assert protocol.data_to_send() == b"\x03\x00\0\0\0\0\x00\x28\x00\x14"
        feed(protocol, update(raw(0, 0, 40, 20)))
        assert protocol.has_picture

    def test_later_rectangles_are_checked_against_the_new_size(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        feed(protocol, update(desktop_size(20, 16), raw(16, 0, 4, 16, RED)))
        assert colors(protocol) == {(0, 0, 0), (0, 0, 255)}

    def test_the_same_size_is_no_resize(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        feed(protocol, update(raw(0, 0, 16, 16)))
        feed(protocol, update(extended_desktop_size(16, 16), desktop_size(16, 16)))
        assert (protocol.resizes, protocol.has_picture) == (0, True)
        assert protocol.data_to_send() == b""

    def test_a_refused_request_is_no_resize(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        feed(protocol, update(extended_desktop_size(50000, 2, reason=1, result=3)))
        assert (protocol.resizes, protocol.width) == (0, 16)

    def test_continuous_updates_go_on_for_the_new_size(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        feed(protocol, b"\x96")
        protocol.write_enable_continuous(True)
        protocol.data_to_send()
        feed(protocol, update(desktop_size(32, 8)))
        assert protocol.data_to_send() == (
            b"\x03\x00\0\0\0\0\x00\x20\x00\x08" + b"\x96\x01\0\0\0\0\x00\x20\x00\x08"
        )

    def test_a_picture_taken_before_stays_as_it_was(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        feed(protocol, update(raw(0, 0, 16, 16, RED)))
        before = np.asarray(protocol.picture())
        for width in range(17, 60):
            feed(protocol, update(desktop_size(width, 99), raw(0, 0, width, 99, BLUE)))
        assert before.shape == (16, 16, 4)
        assert (before[:, :, :3] == (0, 0, 255)).all()
        del protocol
        assert (before[:, :, :3] == (0, 0, 255)).all()

    def test_a_session_may_limit_the_size(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16, max_width=20, max_height=30)
        feed(protocol, update(desktop_size(20, 30)))
        with pytest.raises(Exception, match="resizes its framebuffer to 21x30"):
            feed(protocol, update(desktop_size(21, 30)))


class TestPseudoEncodings:
    """Rectangles that are no pixels."""

    def test_timestamp(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        assert protocol.server_ns == 0
        feed(protocol, update(timestamp(0x0123456789ABCDEF), raw(0, 0, 1, 1)))
        assert protocol.server_ns == 0x0123456789ABCDEF
        assert protocol.rectangles == 1

    def test_cursor(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        assert protocol.pointer_shape is None
        pixels = b"".join(bytes([n, n + 1, n + 2, 99]) for n in range(0, 90, 10))
        shape = cursor(9, 1, pixels, b"\x80\x80", (4, 5))
        assert feed(protocol, update(shape))[0] == PointerShapeChanged()
        kept = protocol.pointer_shape
        assert kept is not None
        assert kept[:4] == (9, 1, 4, 5)
        opaque = [kept.pixels[4 * n + 3] for n in range(9)]
        assert opaque == [255, 0, 0, 0, 0, 0, 0, 0, 255]
        assert kept.pixels[4:7] == bytes([10, 11, 12])
        feed(protocol, update(cursor(0, 0, b"", b"", (0, 0))))
        assert protocol.pointer_shape == (0, 0, 0, 0, b"")

    def test_others_are_accepted(self, new_client: NewClient) -> None:
        protocol = new_client(16, 16)
        assert not protocol.qemu_keys
        name = rectangle(0, 0, 0, 0, Encoding.DESKTOP_NAME, b"\0\0\0\x04name")
        leds = rectangle(0, 0, 0, 0, Encoding.LED_STATE, b"\x07")
        keys = rectangle(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY)
        data = update(name, leds, keys, raw(0, 0, 16, 16))
        assert len(feed_in_pieces(protocol, data, 1)) == 1
        assert (protocol.qemu_keys, protocol.has_picture) == (True, True)


class TestLongUpdates:
    """Beyond 8 MiB."""

    def test_are_painted_as_they_come(self, new_client: NewClient) -> None:
        protocol = new_client(1024, 1024)
        parts = [raw(0, 0, 1024, 1024, color) for color in (RED, BLUE, RED)]
        data = update(*parts)
        feed_in_pieces(protocol, data[: 9 << 20], 1 << 20)
        assert (protocol.frame, protocol.partial, protocol.rectangles) == (0, True, 2)
        assert colors(protocol) == {(255, 0, 0)}
        (event,) = feed(protocol, data[9 << 20 :])
        assert isinstance(event, FramebufferUpdated)
        assert (event.frame, event.end_byte) == (1, len(data))
        assert (protocol.frame, protocol.partial, colors(protocol)) == (1, True, {(0, 0, 255)})
        feed(protocol, update(raw(0, 0, 1, 1)))
        assert not protocol.partial

    def test_are_whole_when_they_come_at_once(self, new_client: NewClient) -> None:
        protocol = new_client(1024, 1024)
        feed(protocol, update(*[raw(0, 0, 1024, 1024)] * 3))
        assert (protocol.frame, protocol.partial) == (1, False)


def test_receive_is_buffer_updated_without_events(new_client: NewClient) -> None:
    protocol = new_client(16, 16)
    data = update(raw(0, 0, 16, 16, RED)) * 3
    protocol.get_buffer(len(data))[: len(data)] = data
    protocol.receive(len(data))
    assert (protocol.frame, colors(protocol)) == (3, {(0, 0, 255)})


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (16385, 1), (1, 16385), (16384, 16384), (-1, 5)])
def test_a_framebuffer_has_a_sensible_size(new_client: NewClient, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a framebuffer of"):
        new_client(*size)

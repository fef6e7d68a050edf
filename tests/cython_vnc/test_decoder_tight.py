"""Tight: filters, streams and their resets, short data, width, and control bytes that lie."""

import zlib

import numpy as np
import pytest
from reference.checks import Canvas, assert_measures
from reference.pictures import noise, slope
from reference.rfb_decoders import Rect, ReferenceDecoder
from reference.rfb_encoders import RandomEncoder, compact, pack, tpixel, tpixels

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

TIGHT = 7
RECT = (2, 3, 9, 5)
COPY, PALETTE, GRADIENT = 0, 1, 2


def deflate(plain: bytes) -> bytes:
    stream = zlib.compressobj()
    return stream.compress(plain) + stream.flush(zlib.Z_SYNC_FLUSH)


def counted(deflated: bytes) -> bytes:
    return compact(len(deflated)) + deflated


def refuse(payload: bytes, why: str, rect: Rect = RECT) -> None:
    with pytest.raises(DecodeError, match=why):
        Canvas(30, 20).decode(TIGHT, rect, payload, DecoderState())


@pytest.mark.parametrize("kind", [COPY, PALETTE, GRADIENT])
@pytest.mark.parametrize("width", [2047, 2048, 2049, 3000])
def test_rectangles_may_be_wider_than_2048(kind: int, width: int) -> None:
    rng = np.random.default_rng(width)
    encoder = RandomEncoder(rng)
    if kind == PALETTE:
        indices = rng.integers(0, 40, (3, width))
        colors = rng.integers(0, 1 << 24, 40).astype(np.uint32)
        picture, plain = colors[indices], pack(indices, 8)
        head = bytes([0x40, PALETTE, 39]) + b"".join(tpixel(int(color)) for color in colors)
    else:
        picture = slope(rng, width, 3, 0)
        plain = tpixels(picture) if kind == COPY else encoder.gradient(picture)
        head = bytes([0x40, kind])
    canvas = Canvas(3010, 6)
    rect = (7, 2, width, 3)
    canvas.decode(TIGHT, rect, head + counted(deflate(plain)), DecoderState())
    np.testing.assert_array_equal(canvas.part(rect), picture)


def test_fills_may_be_of_any_size() -> None:
    canvas = Canvas(5000, 3)
    assert_measures(TIGHT, (0, 0, 5000, 3), b"\x80\1\2\3")
    canvas.decode(TIGHT, (0, 0, 5000, 3), b"\x80\1\2\3", DecoderState())
    assert (canvas.part((0, 0, 5000, 3)) == 0x010203).all()


@pytest.mark.parametrize("colors", [*range(2, 20), 127, 128, 129, 255, 256])
@pytest.mark.parametrize("width", [1, 8, 15, 16, 17, 47])
def test_palettes_of_every_size(colors: int, width: int) -> None:
    rng = np.random.default_rng(colors)
    indices = rng.integers(0, colors, (13, width))
    palette = rng.integers(0, 1 << 24, colors).astype(np.uint32)
    plain = pack(indices, 1 if colors == 2 else 8)
    head = bytes([0x60, PALETTE, colors - 1]) + tpixels(palette)
    payload = head + (counted(deflate(plain)) if len(plain) >= 12 else plain)
    canvas, expected = Canvas(50, 20), np.zeros((20, 50), np.uint32)
    ReferenceDecoder().decode(TIGHT, (1, 2, width, 13), payload, expected)
    canvas.decode(TIGHT, (1, 2, width, 13), payload, DecoderState())
    np.testing.assert_array_equal(canvas.part((1, 2, width, 13)), palette[indices])
    np.testing.assert_array_equal(expected[2:15, 1 : 1 + width], palette[indices])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 1), (1, 3), (4, 1), (1, 4), (5, 1)])
def test_fewer_than_twelve_bytes_are_not_deflated(width: int, height: int) -> None:
    picture = noise(np.random.default_rng(width), width, height, 7)
    plain = tpixels(picture)
    payload = b"\0" + (plain if len(plain) < 12 else counted(deflate(plain)))
    rect = (1, 1, width, height)
    assert_measures(TIGHT, rect, payload)
    canvas = Canvas(9, 9)
    canvas.decode(TIGHT, rect, payload, DecoderState())
    np.testing.assert_array_equal(canvas.part(rect), picture)


def test_streams_are_apart_and_begin_anew_when_reset() -> None:
    rng = np.random.default_rng(3)
    streams = [zlib.compressobj() for _ in range(4)]
    state, canvas = DecoderState(), Canvas(20, 20)
    for turn in range(40):
        stream = int(rng.integers(4))
        control = stream << 4
        for other in range(4):
            # Streams that were never used may be reset too, and so may others than the one used.
            if turn % 3 == 0 and rng.random() < 0.5:
                control |= 1 << other
                streams[other] = zlib.compressobj()
        picture = noise(rng, 9, 5, 6)
        deflated = streams[stream].compress(tpixels(picture))
        deflated += streams[stream].flush(zlib.Z_SYNC_FLUSH)
        canvas.decode(TIGHT, RECT, bytes([control]) + counted(deflated), state)
        np.testing.assert_array_equal(canvas.part(RECT), picture)


@pytest.mark.parametrize("kind", [b"\x8f\1\2\3", b"\x0f"])
def test_any_rectangle_may_reset_streams(kind: bytes) -> None:
    state, canvas, plain = DecoderState(), Canvas(20, 20), bytes(range(135))
    for stream in range(4):
        canvas.decode(TIGHT, RECT, bytes([stream << 4]) + counted(deflate(plain)), state)
    if kind == b"\x0f":
        kind += b"\1\2\3"
    canvas.decode(TIGHT, (0, 0, 1, 1), kind, state)
    for stream in range(4):
        canvas.decode(TIGHT, RECT, bytes([stream << 4]) + counted(deflate(plain)), state)
    with pytest.raises(DecodeError, match="corrupt"):
        canvas.decode(TIGHT, RECT, bytes([0]) + counted(deflate(plain)), state)


def test_a_stream_that_broke_can_be_reset() -> None:
    state, canvas, plain = DecoderState(), Canvas(20, 20), bytes(range(135))
    with pytest.raises(DecodeError, match="corrupt"):
        canvas.decode(TIGHT, RECT, b"\0" + counted(b"\xff" * 20), state)
    canvas.decode(TIGHT, RECT, b"\1" + counted(deflate(plain)), state)
    assert canvas.part(RECT)[0, 0] == 0x000102


@pytest.mark.parametrize("control", range(0xA0, 0x100))
def test_refuses_control_bytes_that_do_not_exist(control: int) -> None:
    with pytest.raises(DecodeError, match="control byte"):
        measure_rectangle(TIGHT, RECT, bytes([control]))
    refuse(bytes([control]) + bytes(30), "control byte")


@pytest.mark.parametrize("filter_id", [3, 4, 128, 255])
def test_refuses_filters_that_do_not_exist(filter_id: int) -> None:
    with pytest.raises(DecodeError, match="filter"):
        measure_rectangle(TIGHT, RECT, bytes([0x40, filter_id]))
    refuse(bytes([0x40, filter_id]) + bytes(30), "filter")


def test_refuses_palettes_of_one_color_and_indices_beyond() -> None:
    with pytest.raises(DecodeError, match="palette"):
        measure_rectangle(TIGHT, RECT, b"\x40\1\0")
    refuse(b"\x40\1\0\1\2\3" + bytes(9), "palette")
    for colors in (3, 16, 17, 255):
        head = bytes([0x40, PALETTE, colors - 1]) + bytes(3 * colors)
        for index in (colors, 255):
            plain = bytes(44) + bytes([index])
            refuse(head + counted(deflate(plain)), "palette")
            plain = bytes([index]) + bytes(44)
            refuse(head + counted(deflate(plain)), "palette")


@pytest.mark.parametrize("head", [b"\0", b"\x40\0", b"\x40\2", b"\x40\1\x02" + bytes(9)])
def test_refuses_streams_of_another_size(head: bytes) -> None:
    size = 45 if head[:2] == b"\x40\1" else 135
    refuse(head + counted(deflate(bytes(size - 1))), "fewer")
    refuse(head + counted(b""), "fewer")
    refuse(head + counted(deflate(bytes(size + 1))), "more")
    refuse(head + counted(deflate(bytes(1_000_000))), "more")
    refuse(head + counted(deflate(bytes(size))) + b"\0", "left over")
    refuse(head + counted(deflate(bytes(size)))[:-1], "ends inside")


@pytest.mark.parametrize("length", [127, 128, 16383, 16384, 4194303])
def test_lengths_take_one_to_three_bytes(length: int) -> None:
    start = b"\0" + compact(length)
    for end in range(len(start)):
        assert measure_rectangle(TIGHT, RECT, start[:end]) is None
    assert measure_rectangle(TIGHT, RECT, start + bytes(length - 1)) is None
    assert measure_rectangle(TIGHT, RECT, start + bytes(length + 5)) == len(start) + length


def test_refuses_a_rectangle_beyond_any_framebuffer() -> None:
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(TIGHT, (0, 0, 65535, 65535), b"\0")
    refuse(b"\x80\1\2", "ends inside")
    refuse(b"\x80\1\2\3\4", "left over")

"""JPEGs at half their size: what Pillow makes of them, each sample four times."""

import io
import struct

import numpy as np
import pytest
from fakes.random_server import copy
from fakes.server_bytes import desktop_size, feed, raw, rectangle, update
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from reference.rfb_decoders import RAW, TIGHT
from reference.rfb_encoders import compact

from cython_vnc.door import decode_gray, decode_halves, gray_picture
from cython_vnc.errors import ProtocolError
from cython_vnc.protocol import RFBProtocol

WIDTH, HEIGHT = 290, 200
LEAST_PX = 16
PX_A_BYTE = 8
SIZES = [(261, 143), (262, 144), (97, 181), (16, 189), (285, 19), (256, 160)]
SMALL = [(15, 187), (283, 15), (1, 1), (2, 187), (1, 190)]
Picture = NDArray[np.uint8]
grays = pytest.mark.parametrize("gray", [True, False])


def half(width: int = WIDTH, height: int = HEIGHT, *, gray: bool) -> RFBProtocol:
    protocol = RFBProtocol(width, height)
    decode_halves(protocol)
    if gray:
        decode_gray(protocol)
    return protocol


def shown(protocol: RFBProtocol, gray: bool) -> Picture:
    """(height, width, 1) or R, G, B."""
    if not gray:
        return np.array(protocol.picture())[..., 2::-1]
    rows = np.frombuffer(gray_picture(protocol), np.uint8).reshape(protocol.height, -1)
    return rows[:, : protocol.width, None]


def noise(width: int, height: int) -> Picture:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def film(width: int, height: int) -> Picture:
    """Soft shapes, of colours that leave room for what a JPEG does to them."""
    x, y = np.arange(width)[None, :, None], np.arange(height)[:, None, None]
    waves = np.sin(x / np.array([17, 23, 31])) + np.cos(y / np.array([29, 19, 13]))
    return np.asarray(128 + 40 * waves, np.uint8)


def encoded(pixels: Picture, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", optimize=True, **options)
    return buffer.getvalue()


def soft(size: tuple[int, int], subsampling: int = 2) -> bytes:
    """A JPEG of so few bits that it is halved; gray where it is small, for want of colours."""
    pixels = film(*size)
    if size[0] * size[1] > 12000:
        return encoded(pixels, quality=50, subsampling=subsampling)
    return encoded(np.full_like(pixels[..., 0], 90), quality=50)


def at(x: int, y: int, width: int, height: int, jpeg: bytes) -> bytes:
    return rectangle(x, y, width, height, TIGHT, b"\x90" + compact(len(jpeg)) + jpeg)


def is_halved(jpeg: bytes) -> bool:
    width, height = Image.open(io.BytesIO(jpeg)).size
    return min(width, height) >= LEAST_PX and len(jpeg) * PX_A_BYTE <= width * height


def by_pillow(jpeg: bytes, gray: bool) -> Picture:
    opened = Image.open(io.BytesIO(jpeg))
    width, height = opened.size
    opened.draft("L" if gray else "RGB", (width // 2, height // 2) if is_halved(jpeg) else None)
    samples = np.array(opened if gray else opened.convert("RGB"))
    samples = samples.reshape(opened.size[1], opened.size[0], -1)
    if is_halved(jpeg):
        assert opened.size == ((width + 1) // 2, (height + 1) // 2)
        samples = samples.repeat(2, 0).repeat(2, 1)[:height, :width]
    return samples


@grays
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES + SMALL)
def test_a_sample_takes_the_place_of_four_pixels(
    size: tuple[int, int], subsampling: int, gray: bool
) -> None:
    """At odd places too, and nothing is painted beside."""
    protocol, one = half(gray=gray), soft(size, subsampling)
    assert is_halved(one) == (size in SIZES)
    feed(protocol, update(raw(0, 0, WIDTH, HEIGHT), at(5, 3, *size, one)))
    found = shown(protocol, gray)
    np.testing.assert_array_equal(found[3 : 3 + size[1], 5 : 5 + size[0]], by_pillow(one, gray))
    assert (np.delete(found, np.s_[3 : 3 + size[1]], 0) == found[0, 0]).all()
    assert (np.delete(found, np.s_[5 : 5 + size[0]], 1) == found[0, 0]).all()


@grays
def test_what_has_many_edges_is_decoded_whole(gray: bool) -> None:
    for quality in (50, 95):
        protocol, one = half(gray=gray), encoded(noise(200, 150), quality=quality)
        assert not is_halved(one)
        feed(protocol, update(at(3, 7, 200, 150, one)))
        np.testing.assert_array_equal(shown(protocol, gray)[7:157, 3:203], by_pillow(one, gray))


@grays
def test_it_reaches_the_corner_of_the_screen(gray: bool) -> None:
    for width, height in ((WIDTH, HEIGHT), (WIDTH - 1, HEIGHT - 1), (115, 189), (289, 150)):
        protocol, one = half(gray=gray), soft((width, height))
        assert is_halved(one)
        feed(protocol, update(at(WIDTH - width, HEIGHT - height, width, height, one)))
        found = shown(protocol, gray)[HEIGHT - height :, WIDTH - width :]
        np.testing.assert_array_equal(found, by_pillow(one, gray))


@grays
def test_a_sample_is_the_mean_of_its_pixels_where_they_are_in_range(gray: bool) -> None:
    one = encoded(film(256, 160), quality=50, subsampling=2)
    assert is_halved(one)
    opened = Image.open(io.BytesIO(one))
    opened.draft("L" if gray else "RGB", None)
    whole = np.array(opened).reshape(160, 256, -1).astype(float)
    assert 0 < whole.min() <= whole.max() < 255
    means = whole.reshape(80, 2, 128, 2, -1).mean((1, 3))
    protocol = half(256, 160, gray=gray)
    feed(protocol, update(at(0, 0, 256, 160, one)))
    apart = np.abs(shown(protocol, gray)[::2, ::2] - means)
    assert apart.max() <= (1 if gray else 6)
    # Colours of 4:2:0 are enlarged for whole pixels, by neighbours that samples do without.
    assert apart.mean() < 1


@grays
def test_what_is_sent_without_loss_is_as_it_was_sent(gray: bool) -> None:
    protocol, one = half(gray=gray), soft((261, 143))
    fill = rectangle(20, 9, 33, 17, TIGHT, b"\x80\x07\x07\x07")
    pixels = np.zeros((19, 21, 4), np.uint8)
    pixels[..., :3] = np.random.default_rng(2).integers(0, 256, (19, 21, 1))
    sent = rectangle(40, 30, 21, 19, RAW, pixels.tobytes())
    feed(protocol, update(at(5, 3, 261, 143, one), fill, sent))
    expected = np.zeros((HEIGHT, WIDTH, 1 if gray else 3), np.uint8)
    expected[3:146, 5:266] = by_pillow(one, gray)
    expected[9:26, 20:53] = 7
    expected[30:49, 40:61] = pixels[..., : expected.shape[2]]
    np.testing.assert_array_equal(shown(protocol, gray), expected)


@grays
def test_sizes_that_lie_are_refused(gray: bool) -> None:
    one = soft((261, 143))
    frame = one.index(b"\xff\xc0") + 5
    assert one[frame : frame + 4] == struct.pack(">HH", 143, 261)
    for height, width in ((286, 522), (72, 131), (71, 130), (144, 261), (143, 262), (65500, 65500)):
        lie = one[:frame] + struct.pack(">HH", height, width) + one[frame + 4 :]
        with pytest.raises(ProtocolError, match="JPEG"):
            feed(half(gray=gray), update(at(5, 3, 261, 143, lie)))
        if width <= WIDTH - 5 and height <= HEIGHT - 3:
            with pytest.raises(ProtocolError, match="JPEG"):
                feed(half(gray=gray), update(at(5, 3, width, height, one)))
    for beyond in ((30, 3), (5, 58)):
        with pytest.raises(ProtocolError):
            feed(half(gray=gray), update(at(*beyond, 261, 143, one)))


@grays
def test_hostile_pictures_are_refused_or_stay_in_their_place(gray: bool) -> None:
    good, rng, refused = soft((197, 143)), np.random.default_rng(6), 0
    assert is_halved(good)
    for _ in range(60):
        changed, protocol = bytearray(good), half(210, 150, gray=gray)
        for _ in range(3):
            changed[int(rng.integers(3, len(changed)))] = int(rng.integers(256))
        try:
            feed(protocol, update(at(5, 3, 197, 143, bytes(changed))))
        except ProtocolError:
            refused += 1
            continue
        found = shown(protocol, gray)
        for beside in (found[:3], found[:, :5], found[146:], found[:, 202:]):
            assert not beside.any()
    assert refused > 10


@grays
def test_another_size_of_the_desktop_between_two(gray: bool) -> None:
    protocol, one = half(gray=gray), soft((197, 143))
    feed(protocol, update(at(80, 40, 197, 143, one), desktop_size(100, 60)))
    expected = np.zeros((60, 100, 1 if gray else 3), np.uint8)
    expected[40:, 80:] = by_pillow(one, gray)[:20, :20]
    np.testing.assert_array_equal(shown(protocol, gray), expected)
    feed(protocol, update(desktop_size(197, 143), at(0, 0, 197, 143, one)))
    np.testing.assert_array_equal(shown(protocol, gray), by_pillow(one, gray))
    with pytest.raises(ProtocolError):
        feed(protocol, update(at(1, 0, 197, 143, one)))


PLACE = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.floats(0, 1), st.floats(0, 1)
)
PAINT = st.tuples(st.sampled_from(["film", "film", "all film", "raw", "fill", "copy"]), PLACE)


@settings(max_examples=60, deadline=None)
@given(updates=st.lists(st.tuples(st.lists(PAINT, max_size=4), st.booleans()), max_size=8))
def test_levels_and_colors_are_of_the_same_picture(
    updates: list[tuple[list[tuple[str, tuple[int, int, float, float]]], bool]],
) -> None:
    """Of gray JPEGs luma and colours say the same, wherever others paint over them in part."""
    levels, colors = half(gray=True), half(gray=False)
    levels.lazy = True
    for paints, look in updates:
        parts = []
        for kind, (x, y, right, bottom) in paints:
            width, height = 1 + int(right * (WIDTH - x - 1)), 1 + int(bottom * (HEIGHT - y - 1))
            if kind == "all film":
                x, y, width, height = x % 3, y % 3, WIDTH - x % 3, HEIGHT - y % 3
            if "film" in kind:
                gray = np.asarray(film(width, height)[..., 0] + x % 40, np.uint8)
                parts.append(at(x, y, width, height, encoded(gray, quality=50)))
            elif kind == "raw":
                parts.append(raw(x, y, width, height, bytes((x % 251, x % 251, x % 251, 0))))
            elif kind == "fill":
                parts.append(rectangle(x, y, width, height, TIGHT, b"\x80" + bytes([y] * 3)))
            else:
                source = (WIDTH - width) // 3, (HEIGHT - height) // 2
                parts.append(copy(x, y, width, height, source))
        for protocol in (levels, colors):
            feed(protocol, update(*parts))
        if look:
            np.testing.assert_array_equal(shown(levels, True), shown(colors, False)[..., :1])
    np.testing.assert_array_equal(shown(levels, True), shown(colors, False)[..., :1])

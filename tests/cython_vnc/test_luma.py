"""Levels of grey beside the colours: of the same picture, whatever was painted in which form."""

import io

import cv2
import numpy as np
import pytest
from fakes.random_server import RandomServer, copy, jpeg
from fakes.server_bytes import desktop_size, feed, raw, rectangle, update
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from reference.pictures import random_picture, slope
from reference.rfb_decoders import TIGHT
from reference.rfb_encoders import compact

from cython_vnc.door import decode_gray, gray_picture
from cython_vnc.errors import ProtocolError
from cython_vnc.protocol import RFBProtocol

WIDTH, HEIGHT = 150, 90
Levels = NDArray[np.uint8]


def gray(width: int = WIDTH, height: int = HEIGHT) -> RFBProtocol:
    protocol = RFBProtocol(width, height)
    decode_gray(protocol)
    return protocol


def levels(protocol: RFBProtocol) -> Levels:
    rows = np.frombuffer(gray_picture(protocol), np.uint8).reshape(protocol.height, -1)
    return rows[:, : protocol.width]


def gray_of_colors(protocol: RFBProtocol) -> Levels:
    picture = np.ascontiguousarray(np.array(protocol.picture())[..., :3])
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def channels_of(pixels: NDArray[np.uint32]) -> Levels:
    return np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], axis=2).astype(np.uint8)


def photograph(width: int, height: int) -> Levels:
    """Colours that leave room for what a JPEG does to them."""
    return channels_of(slope(np.random.default_rng(4), width, height, 0)) // 3 + 85


def encoded(picture: Levels, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def at(x: int, y: int, width: int, height: int, jpeg: bytes) -> bytes:
    return rectangle(x, y, width, height, TIGHT, b"\x90" + compact(len(jpeg)) + jpeg)


def luma(jpeg: bytes) -> Levels:
    """Pillow's opinion."""
    opened = Image.open(io.BytesIO(jpeg))
    opened.draft("L", None)
    return np.array(opened)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    looks=st.lists(st.sampled_from(["", "", "levels", "colors"]), min_size=1, max_size=14),
    lazy=st.booleans(),
)
def test_are_those_of_the_picture(seed: int, looks: list[str], lazy: bool) -> None:
    """Of a grey JPEG, luma and colours say the same: whoever keeps both forms has to agree."""
    server = RandomServer(seed, WIDTH, HEIGHT, "L")
    both, colors = gray(), RFBProtocol(WIDTH, HEIGHT)
    both.lazy = lazy
    for look in looks:
        said = server.update()
        assert feed(both, said) == feed(colors, said)
        if look == "levels":
            np.testing.assert_array_equal(levels(both), gray_of_colors(colors))
        elif look == "colors":
            np.testing.assert_array_equal(gray_of_colors(both), gray_of_colors(colors))
    np.testing.assert_array_equal(levels(both), gray_of_colors(colors))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(61, 43), (1, 1), (16, 16), (17, 33), (140, 2), (64, 64)])
def test_of_a_jpeg_it_is_the_luma_that_pillow_decodes(
    size: tuple[int, int], subsampling: int
) -> None:
    protocol = gray()
    for quality in (10, 50, 95):
        picture = channels_of(random_picture(np.random.default_rng(quality), *size))
        one = encoded(picture, quality=quality, subsampling=subsampling)
        feed(protocol, update(raw(0, 0, WIDTH, HEIGHT), at(5, 3, *size, one)))
        shown = levels(protocol)
        np.testing.assert_array_equal(shown[3 : 3 + size[1], 5 : 5 + size[0]], luma(one))
        assert (np.delete(shown, np.s_[3 : 3 + size[1]], 0) == shown[0, 0]).all()
        assert (np.delete(shown, np.s_[5 : 5 + size[0]], 1) == shown[0, 0]).all()


def test_it_is_gray_of_the_colors_where_they_are_in_range() -> None:
    one = at(0, 0, WIDTH, HEIGHT, encoded(photograph(WIDTH, HEIGHT), quality=75))
    protocol, colors = gray(), RFBProtocol(WIDTH, HEIGHT)
    feed(protocol, update(one))
    feed(colors, update(one))
    picture = np.array(colors.picture())[..., :3]
    assert 0 < picture.min() <= picture.max() < 255
    apart = levels(protocol).astype(int) - gray_of_colors(colors)
    assert np.abs(apart).max() <= 1


def test_it_is_nearer_to_what_was_sent_where_they_are_not() -> None:
    """Saturated text and edges: what is cut off at 0 and 255 is lost to gray of the colors."""
    rng = np.random.default_rng(5)
    blocks = rng.choice(np.array([0, 255], np.uint8), (15, 25, 3)).repeat(6, 0).repeat(6, 1)
    said = update(at(0, 0, WIDTH, HEIGHT, encoded(blocks, quality=50, subsampling=2)))
    protocol, colors = gray(), RFBProtocol(WIDTH, HEIGHT)
    feed(protocol, said)
    feed(colors, said)
    truth = cv2.cvtColor(blocks, cv2.COLOR_RGB2GRAY).astype(int)
    of_luma = np.abs(levels(protocol) - truth).mean()
    assert of_luma < np.abs(gray_of_colors(colors) - truth).mean()


def test_progressive_pictures() -> None:
    picture, protocol = photograph(61, 43), gray()
    feed(protocol, update(at(0, 0, 61, 43, encoded(picture, progressive=True))))
    np.testing.assert_array_equal(levels(protocol)[:43, :61], luma(encoded(picture)))


def test_hostile_pictures_are_refused() -> None:
    good, rng, refused = encoded(photograph(61, 43)), np.random.default_rng(6), 0
    for _ in range(100):
        changed, protocol = bytearray(good), gray(70, 50)
        for _ in range(3):
            changed[int(rng.integers(3, len(changed)))] = int(rng.integers(256))
        try:
            feed(protocol, update(at(5, 3, 61, 43, bytes(changed))))
        except ProtocolError:
            refused += 1
            with pytest.raises(ProtocolError):
                gray_picture(protocol)
            continue
        shown = levels(protocol)
        assert not shown[:3].any()
        assert not shown[:, :5].any()
        assert not shown[46:].any()
        assert not shown[:, 66:].any()
    assert refused > 20
    with pytest.raises(ProtocolError, match="JPEG"):
        feed(gray(), update(at(0, 0, 62, 43, good)))


def test_a_copy_that_leaves_the_screen_is_refused() -> None:
    for source in ((100, 0), (0, 80), (65535, 65535)):
        protocol = gray()
        feed(protocol, update(at(0, 0, 61, 43, encoded(photograph(61, 43)))))
        with pytest.raises(ProtocolError, match="copy"):
            feed(protocol, update(copy(0, 0, 80, 50, source)))


def test_another_size_keeps_both() -> None:
    protocol = gray()
    one = encoded(photograph(61, 43))
    feed(protocol, update(at(0, 0, 61, 43, one), raw(61, 0, 89, 90, b"\x10\x20\x30\x00")))
    feed(protocol, update(desktop_size(80, 120)))
    shown = levels(protocol)
    assert shown.shape == (120, 80)
    np.testing.assert_array_equal(shown[:43, :61], luma(one))
    assert (shown[:90, 61:] == shown[0, 79]).all()
    assert not shown[90:].any()
    feed(protocol, update(at(10, 70, 61, 43, one)))
    np.testing.assert_array_equal(levels(protocol)[70:113, 10:71], luma(one))


def test_colors_that_come_later_are_colors() -> None:
    protocol = gray()
    film = rectangle(0, 0, 40, 40, TIGHT, jpeg(random_picture(np.random.default_rng(1), 40, 40)))
    fill = rectangle(20, 0, 20, 40, TIGHT, b"\x80\x01\x02\x03")
    feed(protocol, update(film, fill))
    picture = np.asarray(protocol.picture())
    assert (picture[:40, :20, 0] == picture[:40, :20, 2]).all()
    assert (picture[:40, 20:40, :3] == (3, 2, 1)).all()


def test_whoever_decodes_colors_has_no_levels() -> None:
    protocol = RFBProtocol(20, 20)
    with pytest.raises(ValueError, match="colors are decoded"):
        gray_picture(protocol)
    decode_gray(protocol)
    decode_gray(protocol)
    assert not levels(protocol).any()
    protocol.close()
    for call in (gray_picture, decode_gray):
        with pytest.raises(ValueError, match="closed"):
            call(protocol)

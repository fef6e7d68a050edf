"""JPEG rectangles for those who see grey: the luma, whole or a sample for several pixels."""

import io

import numpy as np
import pytest
from fakes.server_bytes import feed, rectangle, update
from numpy.typing import NDArray
from PIL import Image
from reference.checks import Canvas
from reference.pictures import random_picture, slope
from reference.rfb_encoders import compact

from cython_vnc.decoders.door import DecoderState
from cython_vnc.errors import DecodeError
from cython_vnc.protocol import RFBProtocol

TIGHT = 7
Gray = NDArray[np.int16]


def channels_of(pixels: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], axis=2).astype(np.uint8)


def payload(picture: NDArray[np.uint8], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **options)
    return b"\x90" + compact(len(buffer.getvalue())) + buffer.getvalue()


def gray_of(picture: NDArray[np.uint8]) -> Gray:
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return ((red * 9798 + green * 19235 + blue * 3735 + 16384) >> 15).astype(np.int16)


def decoded(encoded: bytes, width: int, height: int, state: DecoderState) -> NDArray[np.uint8]:
    canvas = Canvas(width + 11, height + 7)
    rect = (5, 3, width, height)
    canvas.decode(TIGHT, rect, encoded, state)
    return channels_of(canvas.part(rect))


def luma(encoded: bytes, width: int, height: int, halvings: int = 0) -> Gray:
    picture = decoded(encoded, width, height, DecoderState(gray=True, halvings=halvings))
    assert (picture[..., 0] == picture[..., 1]).all()
    assert (picture[..., 0] == picture[..., 2]).all()
    return picture[..., 0].astype(np.int16)


def photograph(width: int, height: int) -> NDArray[np.uint8]:
    """Colours that leave room for what a JPEG does to them."""
    return (channels_of(slope(np.random.default_rng(4), width, height, 0)) // 3 + 85).astype(
        np.uint8
    )


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(61, 43), (1, 1), (16, 16), (17, 33), (200, 2), (64, 64)])
def test_is_the_luma_that_pillow_decodes(size: tuple[int, int], subsampling: int) -> None:
    for quality in (10, 50, 95):
        picture = channels_of(random_picture(np.random.default_rng(quality), *size))
        encoded = payload(picture, quality=quality, subsampling=subsampling)
        opened = Image.open(io.BytesIO(encoded[encoded.index(b"\xff\xd8") :]))
        opened.draft("L", None)
        np.testing.assert_array_equal(luma(encoded, *size), np.array(opened, np.int16))


def test_is_gray_of_the_colors_where_they_are_in_range() -> None:
    picture = photograph(150, 90)
    encoded = payload(picture, quality=75)
    colors = decoded(encoded, 150, 90, DecoderState())
    assert 0 < colors.min() <= colors.max() < 255
    assert np.abs(luma(encoded, 150, 90) - gray_of(colors)).max() <= 1


def test_is_nearer_to_the_gray_that_was_sent_where_they_are_not() -> None:
    """Saturated text and edges: what is cut off at 0 and 255 is lost to gray of the colors."""
    rng = np.random.default_rng(5)
    blocks = rng.choice(np.array([0, 255], np.uint8), (20, 30, 3)).repeat(6, 0).repeat(6, 1)
    encoded = payload(blocks, quality=50, subsampling=2)
    truth = gray_of(blocks)
    of_luma = np.abs(luma(encoded, 180, 120) - truth).mean()
    of_colors = np.abs(gray_of(decoded(encoded, 180, 120, DecoderState())) - truth).mean()
    assert of_luma < of_colors


def test_gray_and_progressive_pictures() -> None:
    picture = photograph(61, 43)
    gray = np.array(Image.fromarray(picture).convert("L"))
    encoded = payload(gray, quality=90)
    assert (luma(encoded, 61, 43) == decoded(encoded, 61, 43, DecoderState())[..., 0]).all()
    one = luma(payload(picture, progressive=True), 61, 43)
    assert (one == luma(payload(picture), 61, 43)).all()


@pytest.mark.parametrize("halvings", [1, 2, 3])
@pytest.mark.parametrize("size", [(64, 64), (61, 43), (16, 16), (17, 200), (960, 68)])
def test_samples_are_means_and_as_large_as_what_they_stand_for(
    size: tuple[int, int], halvings: int
) -> None:
    width, height = size
    encoded = payload(photograph(width, height), quality=80)
    whole, coarse = luma(encoded, width, height), luma(encoded, width, height, halvings)
    side = 1 << halvings
    for y in range(0, height, side):
        for x in range(0, width, side):
            part = coarse[y : y + side, x : x + side]
            assert (part == part[0, 0]).all()
    means = [
        abs(whole[y : y + side, x : x + side].mean() - coarse[y, x])
        for y in range(0, height - side, side)
        for x in range(0, width - side, side)
    ]
    assert np.mean(means) < 3


def test_small_pictures_keep_their_pixels() -> None:
    for size in ((15, 64), (64, 15), (3, 3), (1, 40)):
        encoded = payload(photograph(*size))
        assert (luma(encoded, *size, 3) == luma(encoded, *size)).all()


def test_hostile_pictures_are_refused_and_leave_the_next_alone() -> None:
    encoded = payload(photograph(61, 43))
    state, rng = DecoderState(gray=True, halvings=1), np.random.default_rng(6)
    expected, refused = decoded(encoded, 61, 43, state), 0
    for _ in range(100):
        changed = bytearray(encoded)
        for _ in range(3):
            changed[int(rng.integers(3, len(changed)))] = int(rng.integers(256))
        try:
            decoded(bytes(changed), 61, 43, state)
        except DecodeError:
            refused += 1
        assert (decoded(encoded, 61, 43, state) == expected).all()
    assert refused > 20
    with pytest.raises(DecodeError, match="JPEG"):
        decoded(encoded, 62, 43, state)


def test_all_else_keeps_its_colors() -> None:
    protocol = RFBProtocol(40, 40)
    protocol.decode_gray()
    jpeg = rectangle(0, 0, 20, 40, TIGHT, payload(photograph(20, 40)))
    fill = rectangle(20, 0, 20, 40, TIGHT, b"\x80\x01\x02\x03")
    feed(protocol, update(jpeg, fill))
    picture = np.asarray(protocol.picture())
    assert (picture[:, :20, 0] == picture[:, :20, 2]).all()
    assert (picture[:, 20:, :3] == (3, 2, 1)).all()
    with pytest.raises(ValueError, match="halvings"):
        protocol.decode_gray(4)

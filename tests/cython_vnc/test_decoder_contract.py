"""What every encoding of pixels must do: decode what was encoded, measure it, refuse the spoilt."""

import contextlib

import numpy as np
import pytest
from reference.checks import Canvas, assert_measures
from reference.pictures import random_picture
from reference.rfb_decoders import (
    COPYRECT,
    HEXTILE,
    RAW,
    RRE,
    TIGHT,
    ZLIB,
    ZRLE,
    Rect,
    ReferenceDecoder,
)
from reference.rfb_encoders import RandomEncoder

from cython_vnc.door import DecoderState, decode_rectangle, measure_rectangle
from cython_vnc.errors import DecodeError, ProtocolError

WIDTH, HEIGHT = 150, 110
ENCODINGS = {
    "raw": RAW,
    "rre": RRE,
    "hextile": HEXTILE,
    "zlib": ZLIB,
    "zrle": ZRLE,
    "tight": TIGHT,
}
every_encoding = pytest.mark.parametrize(
    "encoding", [pytest.param(number, id=name) for name, number in ENCODINGS.items()]
)


def random_rect(rng: np.random.Generator) -> Rect:
    """Choose a rectangle inside; sizes at the limits of tiles and vectors are likely."""
    sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 63, 64, 65, 100, int(rng.integers(1, 111))]
    width, height = int(rng.choice(sizes)), int(rng.choice(sizes))
    x, y = int(rng.integers(WIDTH - width + 1)), int(rng.integers(HEIGHT - height + 1))
    return x, y, width, height


@every_encoding
@pytest.mark.parametrize("seed", range(12))
def test_decodes_what_was_encoded(encoding: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    encoder, reference, state = RandomEncoder(rng), ReferenceDecoder(), DecoderState()
    canvas = Canvas(WIDTH, HEIGHT)
    other = np.zeros((HEIGHT, WIDTH), np.uint32)
    for _ in range(5):
        rect = x, y, width, height = random_rect(rng)
        picture = random_picture(rng, width, height)
        payload = encoder.encode(encoding, picture)
        reference.decode(encoding, rect, payload, other)
        canvas.decode(encoding, rect, payload, state)
        np.testing.assert_array_equal(canvas.part(rect), picture)
        np.testing.assert_array_equal(other[y : y + height, x : x + width], picture)


@every_encoding
@pytest.mark.parametrize("seed", range(4))
def test_measures_every_prefix(encoding: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    encoder = RandomEncoder(rng)
    for width, height in ((1, 1), (5, 3), (70, 40)):
        payload = encoder.encode(encoding, random_picture(rng, width, height))
        assert_measures(encoding, (0, 0, width, height), payload)


@every_encoding
@pytest.mark.parametrize("size", [(0, 0), (0, 7), (7, 0)])
def test_an_empty_rectangle_paints_nothing(encoding: int, size: tuple[int, int]) -> None:
    width, height = size
    encoder, state = RandomEncoder(np.random.default_rng(1)), DecoderState()
    canvas = Canvas(20, 20)
    before = canvas.whole.copy()
    payload = encoder.encode(encoding, np.zeros((height, width), np.uint32))
    assert_measures(encoding, (3, 4, width, height), payload)
    canvas.decode(encoding, (3, 4, width, height), payload, state)
    np.testing.assert_array_equal(canvas.whole, before)
    # The zlib streams go on after it.
    picture = random_picture(np.random.default_rng(2), 20, 20)
    canvas.decode(encoding, (0, 0, 20, 20), encoder.encode(encoding, picture), state)
    np.testing.assert_array_equal(canvas.part((0, 0, 20, 20)), picture)


@every_encoding
def test_refuses_what_is_cut_short_or_too_long(encoding: int) -> None:
    rng = np.random.default_rng(5)
    rect = (2, 3, 37, 21)
    canvas = Canvas(60, 40)
    picture = random_picture(rng, 37, 21)
    payload = RandomEncoder(rng).encode(encoding, picture)
    for end in sorted({*range(min(30, len(payload))), *range(0, len(payload), 37)}):
        with pytest.raises(DecodeError, match=r"\(2, 3, 37, 21\)"):
            canvas.decode(encoding, rect, payload[:end], DecoderState())
    with pytest.raises(ProtocolError, match="left over"):
        canvas.decode(encoding, rect, payload + b"\0", DecoderState())


@every_encoding
@pytest.mark.parametrize("seed", range(5))
def test_survives_changed_bytes(encoding: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rect = (5, 6, 67, 35)
    canvas = Canvas(80, 45)
    for _ in range(20):
        state = DecoderState()
        payload = bytearray(RandomEncoder(rng).encode(encoding, random_picture(rng, 67, 35)))
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(min(len(payload), int(rng.choice([8, 200, 20000])))))
            payload[place] = int(rng.choice([0, 255, int(rng.integers(256))]))
        measured = None
        with contextlib.suppress(DecodeError):
            measured = measure_rectangle(encoding, rect, bytes(payload), state)
        assert measured is None or 0 < measured <= len(payload)
        with contextlib.suppress(DecodeError):
            canvas.decode(encoding, rect, bytes(payload[:measured]), state)


@pytest.mark.parametrize("encoding", [ZLIB, ZRLE, TIGHT])
@pytest.mark.parametrize("seed", range(5))
def test_survives_changed_bytes_that_were_deflated(encoding: int, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def spoil(plain: bytes) -> bytes:
        changed = bytearray(plain)
        for _ in range(int(rng.integers(1, 5)) if changed else 0):
            changed[int(rng.integers(min(len(changed), 400)))] = int(rng.integers(256))
        return bytes(changed[: len(changed) - int(rng.integers(2))])

    rect = (1, 2, 65, 30)
    canvas = Canvas(70, 40)
    refused = 0
    for _ in range(20):
        encoder = RandomEncoder(rng)
        encoder.spoil = spoil
        payload = encoder.encode(encoding, random_picture(rng, 65, 30))
        try:
            canvas.decode(encoding, rect, payload, DecoderState())
        except DecodeError:
            refused += 1
    assert refused > 0


@every_encoding
def test_refuses_pure_noise_without_painting_beside(encoding: int) -> None:
    rng = np.random.default_rng(9)
    canvas = Canvas(90, 70)
    for _ in range(100):
        noise = rng.bytes(int(rng.integers(1, 2000)))
        # Random bytes have, but for Tight's fill, no chance to be of the right length.
        with contextlib.suppress(DecodeError):
            canvas.decode(encoding, (8, 9, 70, 50), noise, DecoderState())
    with pytest.raises(DecodeError):
        canvas.decode(encoding, (8, 9, 70, 50), b"", DecoderState())


def test_an_unknown_encoding_and_wrong_arguments_are_value_errors() -> None:
    pixels = np.zeros((10, 10), np.uint32)
    with pytest.raises(ValueError, match="encoding 77"):
        measure_rectangle(77, (0, 0, 1, 1), b"")
    with pytest.raises(ValueError, match="leaves the 10x10"):
        decode_rectangle(RAW, (9, 0, 2, 1), bytes(8), pixels)
    with pytest.raises(ValueError, match="adjacent"):
        decode_rectangle(RAW, (0, 0, 1, 1), bytes(4), pixels[:, ::2])


def test_copyrect_measures_four_bytes() -> None:
    assert_measures(COPYRECT, (0, 0, 5, 5), bytes(4))

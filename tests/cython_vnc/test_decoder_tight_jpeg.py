"""Tight's JPEG rectangles: equal to what Pillow decodes, refused if not of their rectangle."""

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image
from reference.checks import Canvas, assert_measures
from reference.pictures import slope
from reference.rfb_decoders import Rect, ReferenceDecoder
from reference.rfb_encoders import compact

from cython_vnc.door import DecoderState
from cython_vnc.errors import DecodeError

TIGHT = 7
RECT = (5, 3, 61, 43)


def picture(width: int = 61, height: int = 43, mode: str = "RGB") -> Image.Image:
    pixels = slope(np.random.default_rng(0), width, height, 0)
    channels = np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], axis=2)
    return Image.fromarray(channels.astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def payload(encoded: bytes) -> bytes:
    return b"\x90" + compact(len(encoded)) + encoded


def refuse(encoded: bytes, rect: Rect = RECT) -> None:
    with pytest.raises(DecodeError, match=r"JPEG|ends inside"):
        Canvas(80, 60).decode(TIGHT, rect, payload(encoded), DecoderState())


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [10, 50, 95])
def test_equals_what_pillow_decodes(quality: int, subsampling: int) -> None:
    state = DecoderState()
    for width, height in ((61, 43), (16, 16), (1, 1), (8, 33), (64, 2)):
        encoded = payload(jpeg(picture(width, height), quality=quality, subsampling=subsampling))
        rect = (5, 3, width, height)
        canvas, expected = Canvas(80, 60), np.zeros((60, 80), np.uint32)
        ReferenceDecoder().decode(TIGHT, rect, encoded, expected)
        canvas.decode(TIGHT, rect, encoded, state)
        np.testing.assert_array_equal(canvas.part(rect), expected[3 : 3 + height, 5 : 5 + width])


def test_gray_progressive_and_restarts_are_pictures_too() -> None:
    gray = jpeg(picture(mode="L"), quality=90)
    for encoded in (
        gray,
        jpeg(picture(), progressive=True),
        jpeg(picture(), restart_marker_rows=1),
    ):
        canvas, expected = Canvas(80, 60), np.zeros((60, 80), np.uint32)
        ReferenceDecoder().decode(TIGHT, RECT, payload(encoded), expected)
        canvas.decode(TIGHT, RECT, payload(encoded), DecoderState())
        np.testing.assert_array_equal(canvas.part(RECT), expected[3:46, 5:66])


def test_measures_by_its_length() -> None:
    assert_measures(TIGHT, RECT, payload(jpeg(picture())))


@pytest.mark.parametrize("size", [(62, 43), (61, 44), (60, 43), (61, 42), (122, 86), (30, 21)])
def test_refuses_a_picture_of_another_size(size: tuple[int, int]) -> None:
    refuse(jpeg(picture(*size)))


def test_refuses_a_size_that_lies() -> None:
    encoded = jpeg(picture())
    at = encoded.index(b"\xff\xc0") + 5
    assert encoded[at : at + 4] == struct.pack(">HH", 43, 61)
    for height, width in ((65500, 65500), (44, 61), (0, 61), (43, 0), (43, 65535)):
        refuse(encoded[:at] + struct.pack(">HH", height, width) + encoded[at + 4 :])


def test_markers_may_be_filled_up_and_must_have_a_place() -> None:
    encoded = jpeg(picture())
    frame = encoded.index(b"\xff\xc0")
    expected, canvas = Canvas(80, 60), Canvas(80, 60)
    expected.decode(TIGHT, RECT, payload(encoded), DecoderState())
    filled = encoded[:frame] + b"\xff\xff\xff" + encoded[frame:]
    canvas.decode(TIGHT, RECT, payload(filled), DecoderState())
    np.testing.assert_array_equal(canvas.part(RECT), expected.part(RECT))
    segment = encoded[frame : frame + 19]
    for early in (b"\xff\xd0", b"\xff\xd8", b"\xff\xda\x00\x02", b"\xff\x01", b"\xff\xe0\xff\xff"):
        refuse(encoded[:frame] + early + encoded[frame:])
    refuse(encoded[:frame] + segment + encoded[frame:])
    refuse(encoded[:frame] + encoded[frame + 19 :])


def test_refuses_cmyk() -> None:
    refuse(jpeg(picture(mode="CMYK")))


def test_refuses_what_is_cut_short() -> None:
    encoded = jpeg(picture())
    for end in (*range(0, len(encoded) - 2, 29), len(encoded) - 2):
        refuse(encoded[:end])


def test_refuses_noise() -> None:
    rng = np.random.default_rng(1)
    refuse(b"")
    refuse(b"\xff\xd8\xff\xd9")
    for _ in range(50):
        refuse(rng.bytes(200))
        refuse(b"\xff\xd8\xff" + rng.bytes(200))


def test_survives_changed_bytes() -> None:
    rng = np.random.default_rng(2)
    encoded = jpeg(picture(), progressive=True)
    canvas, state, refused = Canvas(80, 60), DecoderState(), 0
    for _ in range(150):
        changed = bytearray(encoded)
        for _ in range(3):
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
        try:
            canvas.decode(TIGHT, RECT, payload(bytes(changed)), state)
        except DecodeError:
            refused += 1
        # What was wrong with one does not pass to the next.
        canvas.decode(TIGHT, RECT, payload(encoded), state)
    assert refused > 30


def test_refuses_a_picture_of_a_thousand_scans() -> None:
    encoded = jpeg(picture(), progressive=True)
    last = encoded.rindex(b"\xff\xda")
    scan = encoded[last : encoded.rindex(b"\xff\xd9")]
    started = time.process_time()
    refuse(encoded[:last] + scan * 1000 + b"\xff\xd9")
    assert time.process_time() - started < 2

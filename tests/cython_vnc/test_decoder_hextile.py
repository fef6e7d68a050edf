"""Hextile: colors that carry over, subrectangles that leave, and measuring by parts."""

import pytest
from reference.checks import Canvas, assert_measures

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

HEXTILE = 5
RED, BLUE = bytes([0, 0, 255, 0]), bytes([255, 0, 0, 0])
BACKGROUND, FOREGROUND, SUBRECTS, COLORED = 2, 4, 8, 16


def test_colors_carry_over_from_tile_to_tile_and_past_raw_and_colored_ones() -> None:
    one_corner = bytes([1, 0x00, 0x00])
    payload = (
        bytes([BACKGROUND | FOREGROUND | SUBRECTS]) + RED + BLUE + one_corner
        + bytes([0])
        + bytes([1]) + bytes(16 * 16 * 4)
        + bytes([SUBRECTS | COLORED, 1]) + bytes([7, 7, 7, 0, 0x00, 0x00])
        + bytes([SUBRECTS]) + one_corner
    )  # fmt: skip
    canvas = Canvas(80, 16)
    assert_measures(HEXTILE, (0, 0, 80, 16), payload)
    canvas.decode(HEXTILE, (0, 0, 80, 16), payload, DecoderState())
    part = canvas.part((0, 0, 80, 16))
    assert [hex(pixel) for pixel in part[0, ::16]] == ["0xff", "0xff0000", "0x0", "0x70707", "0xff"]
    assert (part[1, [0, 16, 48, 64]] == 0xFF0000).all()


@pytest.mark.parametrize(
    ("place", "size"), [(0x80, 0x00), (0x03, 0x00), (0x00, 0x80), (0x00, 0x03), (0xFF, 0xFF)]
)
def test_refuses_a_subrectangle_that_leaves_its_tile(place: int, size: int) -> None:
    payload = bytes([BACKGROUND | FOREGROUND | SUBRECTS]) + RED + BLUE + bytes([1, place, size])
    with pytest.raises(DecodeError, match="bounds"):
        Canvas(30, 20).decode(HEXTILE, (1, 1, 8, 3), payload, DecoderState())


def test_refuses_colors_that_were_never_given() -> None:
    for payload in (b"\0", bytes([SUBRECTS, 0]), bytes([BACKGROUND | SUBRECTS]) + RED + b"\1\0\0"):
        with pytest.raises(DecodeError, match="color"):
            Canvas(30, 20).decode(HEXTILE, (1, 1, 8, 3), payload, DecoderState())


@pytest.mark.parametrize("mask", [0x20, 0x40, 0x80, 0xF2])
def test_refuses_bits_that_mean_nothing(mask: int) -> None:
    with pytest.raises(DecodeError, match="subencoding"):
        measure_rectangle(HEXTILE, (0, 0, 16, 16), bytes([mask]))
    with pytest.raises(DecodeError, match="subencoding"):
        Canvas(30, 20).decode(HEXTILE, (0, 0, 16, 16), bytes([mask]) + bytes(20), DecoderState())


def test_a_count_without_its_subrectangles_is_cut_short() -> None:
    payload = bytes([BACKGROUND | FOREGROUND | SUBRECTS]) + RED + BLUE + bytes([255]) + bytes(100)
    with pytest.raises(DecodeError, match="ends inside"):
        Canvas(30, 20).decode(HEXTILE, (0, 0, 16, 16), payload, DecoderState())


def test_measures_on_from_where_it_stopped_and_starts_anew_after_the_whole() -> None:
    tile = bytes([BACKGROUND]) + RED
    payload = tile * 10
    state = DecoderState()
    rect = (0, 0, 160, 16)
    for end in range(len(payload)):
        assert measure_rectangle(HEXTILE, rect, payload[:end], state) is None
    for _ in range(2):
        assert measure_rectangle(HEXTILE, rect, payload + payload, state) == len(payload)
    # What was left of a longer rectangle does not outlast fewer bytes.
    assert measure_rectangle(HEXTILE, rect, payload[:-1], state) is None
    assert measure_rectangle(HEXTILE, (0, 0, 16, 16), tile, state) == len(tile)

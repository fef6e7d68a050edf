"""Zlib, and what all that inflate have to refuse: short, long, corrupt, ended, endless."""

import struct
import zlib

import numpy as np
import pytest
from reference.checks import Canvas

from cython_vnc.door import DecoderState, measure_rectangle
from cython_vnc.errors import DecodeError

ZLIB = 6
RECT = (1, 2, 9, 7)
PLAIN = bytes(range(252))


def deflate(plain: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    stream = zlib.compressobj()
    return stream.compress(plain) + stream.flush(mode)


def counted(deflated: bytes) -> bytes:
    return struct.pack(">I", len(deflated)) + deflated


def refuse(deflated: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        Canvas(20, 20).decode(ZLIB, RECT, counted(deflated), DecoderState())


def test_one_stream_goes_on_over_rectangles_and_flushes_of_all_kinds() -> None:
    stream, state, canvas = zlib.compressobj(), DecoderState(), Canvas(20, 20)
    for turn in range(6):
        plain = bytes((value * turn) & 255 for value in PLAIN)
        cut = 40 * turn
        deflated = stream.compress(plain[:cut]) + stream.flush(zlib.Z_SYNC_FLUSH)
        deflated += stream.compress(plain[cut:]) + stream.flush(
            (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH)[turn % 3]
        )
        canvas.decode(ZLIB, RECT, counted(deflated), state)
        expected = np.frombuffer(plain, np.uint32).reshape(7, 9) & 0xFFFFFF
        np.testing.assert_array_equal(canvas.part(RECT), expected)


def test_refuses_another_size_than_the_rectangle_needs() -> None:
    refuse(deflate(PLAIN[:-1]), "fewer")
    refuse(deflate(b""), "fewer")
    refuse(b"", "fewer")
    refuse(deflate(PLAIN)[:-8], "fewer")
    refuse(deflate(PLAIN + b"\0"), "more")
    refuse(deflate(PLAIN + bytes(319)), "more")
    refuse(deflate(PLAIN * 4), "more")


def test_refuses_what_is_no_endless_zlib_stream() -> None:
    refuse(b"\x00" + deflate(PLAIN)[1:], "corrupt")
    refuse(deflate(PLAIN)[:2] + b"\xff" * 50, "corrupt")
    refuse(deflate(PLAIN, zlib.Z_FINISH), "ends")
    refuse(deflate(PLAIN) + b"\xff\xff", "corrupt")
    with_dictionary = zlib.compressobj(zdict=PLAIN)
    refuse(with_dictionary.compress(PLAIN) + with_dictionary.flush(zlib.Z_SYNC_FLUSH), "dictionary")


def test_an_ended_stream_stays_ended() -> None:
    state = DecoderState()
    for _ in range(2):
        with pytest.raises(DecodeError, match="ends"):
            Canvas(20, 20).decode(ZLIB, RECT, counted(deflate(PLAIN, zlib.Z_FINISH)), state)


def test_a_bomb_is_stopped_at_the_size_of_the_rectangle() -> None:
    refuse(deflate(bytes(40_000_000)), "more")


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 70000])
def test_refuses_a_length_that_no_compressor_makes(length: int) -> None:
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(ZLIB, RECT, struct.pack(">I", length))
    with pytest.raises(DecodeError, match="ends inside"):
        Canvas(20, 20).decode(ZLIB, RECT, struct.pack(">I", length) + bytes(9), DecoderState())


def test_refuses_a_rectangle_beyond_any_framebuffer() -> None:
    with pytest.raises(DecodeError, match="limit"):
        measure_rectangle(ZLIB, (0, 0, 65535, 65535), bytes(4))

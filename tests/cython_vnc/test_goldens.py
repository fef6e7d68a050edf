"""Streams of a real server: the last picture, however the bytes arrive; cut short; and damaged."""

import random
from pathlib import Path

import pytest
from fakes.server_bytes import feed, feed_in_pieces

from benchmarks.recording import Recording, picture_hash
from cython_vnc.errors import ProtocolError
from cython_vnc.handshake import Handshake
from cython_vnc.protocol import RFBProtocol

GOLDENS = Path(__file__).parents[1] / "goldens"
LABELS = sorted(path.stem for path in GOLDENS.glob("*.json"))
SMALL_BYTES = 100_000
FLIPS = 30
"""Damaged copies of each stream."""


@pytest.fixture(scope="module", params=LABELS)
def golden(request: pytest.FixtureRequest) -> Recording:
    return Recording.load(GOLDENS / request.param)


def connected(golden: Recording) -> RFBProtocol:
    return RFBProtocol(golden.width, golden.height)


def assert_is_last_picture(protocol: RFBProtocol, golden: Recording) -> None:
    assert protocol.has_picture
    assert protocol.frame == len(golden.arrivals)
    assert picture_hash(protocol.picture()) == golden.picture_hash


def test_every_encoding_of_the_server_is_there() -> None:
    lossless = {"raw", "copyrect", "rre", "hextile", "zrle", "tight"}
    assert set(LABELS) == lossless | {"tight-jpeg", "tight-gray"}


def test_handshake(golden: Recording) -> None:
    handshake = Handshake()
    handshake.feed(golden.data)
    assert (handshake.server_init.width, handshake.server_init.height) == (
        golden.width,
        golden.height,
    )
    assert handshake.leftover == golden.body
    assert handshake.data_to_send() == b"RFB 003.008\n\x01\x01"


def test_whole(golden: Recording) -> None:
    protocol = connected(golden)
    feed(protocol, golden.body)
    assert_is_last_picture(protocol, golden)
    assert (protocol.fence_supported, protocol.continuous_supported) == (True, True)
    assert protocol.qemu_keys
    assert protocol.pointer_shape is not None


def test_byte_by_byte(golden: Recording) -> None:
    # Every byte of the beginning and of the end; between them is more of the same.
    begin, end = SMALL_BYTES // 2, max(SMALL_BYTES // 2, len(golden.body) - SMALL_BYTES // 2)
    protocol = connected(golden)
    feed_in_pieces(protocol, golden.body[:begin], 1)
    feed(protocol, golden.body[begin:end])
    feed_in_pieces(protocol, golden.body[end:], 1)
    assert_is_last_picture(protocol, golden)


@pytest.mark.parametrize("seed", range(4))
def test_in_random_pieces(golden: Recording, seed: int) -> None:
    protocol, rng, begin = connected(golden), random.Random(seed), 0
    while begin < len(golden.body):
        end = begin + int(2 ** rng.uniform(0, 16))
        feed(protocol, golden.body[begin:end])
        begin = end
    assert_is_last_picture(protocol, golden)


def test_the_time_stamps_of_the_recording_are_the_ends_of_updates(golden: Recording) -> None:
    protocol, begin = connected(golden), golden.body_offset
    for frame, (_, end) in enumerate(golden.arrivals, 1):
        feed(protocol, golden.data[begin : end - 1])
        assert protocol.frame == frame - 1
        feed(protocol, golden.data[end - 1 : end])
        assert protocol.frame == frame
        begin = end


def test_cut_anywhere_it_is_waited_for(golden: Recording) -> None:
    # Fed on byte by byte, a stream is cut at each of its offsets in turn: nothing may be raised,
    # and no update may count before its end.
    ends = [end - golden.body_offset for _, end in golden.arrivals]
    protocol = connected(golden)
    for position, byte in enumerate(golden.body[: SMALL_BYTES // 4], 1):
        feed(protocol, bytes([byte]))
        assert protocol.frame == sum(end <= position for end in ends)


def outcome(protocol: RFBProtocol, body: bytes) -> str:
    """What comes of a damaged stream; anything raised but `ProtocolError` fails the test."""
    try:
        feed_in_pieces(protocol, body, 4096)
    except ProtocolError as error:
        return str(error)
    return "waits"


def test_damaged_streams_raise_nothing_else(golden: Recording) -> None:
    rng = random.Random(golden.label)
    outcomes = set()
    for _ in range(FLIPS):
        body = bytearray(golden.body[: SMALL_BYTES // 2])
        for _ in range(rng.choice([1, 1, 3, 50])):
            body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
        protocol = RFBProtocol(golden.width, golden.height, max_width=1024, max_height=1024)
        outcomes.add(outcome(protocol, bytes(body)))
    assert outcomes
    assert not any("\n" in message for message in outcomes)

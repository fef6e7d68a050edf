"""Updates that wait for somebody to look: the picture is that of a client which never waits."""

from pathlib import Path

import numpy as np
import pytest
from fakes.random_server import RandomServer, copy, jpeg
from fakes.server_bytes import desktop_size, feed, fence, raw, rectangle, update
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference.pictures import random_picture
from reference.rfb_decoders import TIGHT, ZLIB, ZRLE
from reference.rfb_encoders import RandomEncoder

from benchmarks.recording import Recording, picture_hash
from cython_vnc.errors import ProtocolError
from cython_vnc.events import FenceReply, FramebufferUpdated, Resized
from cython_vnc.protocol import RFBProtocol

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 150, 90
GOLDENS = sorted((Path(__file__).parents[1] / "goldens").glob("*.json"))
RED = b"\x00\x00\xff\x00"
BLUE = b"\xff\x00\x00\x00"


def lazy(width: int = WIDTH, height: int = HEIGHT) -> RFBProtocol:
    protocol = RFBProtocol(width, height)
    protocol.lazy = True
    return protocol


def shown(protocol: RFBProtocol) -> Picture:
    """Colors, without the byte that does not matter."""
    return np.array(protocol.picture())[..., :3]


def jpeg_at(x: int, y: int, width: int, height: int, *, broken: bool = False) -> bytes:
    payload = jpeg(random_picture(np.random.default_rng(x), width, height))
    if broken:
        payload = payload[:-20] + b"\xff\xd8" * 10
    return rectangle(x, y, width, height, TIGHT, payload)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20), looks=st.lists(st.booleans(), min_size=1, max_size=14))
def test_whoever_looks_sees_what_an_eager_client_shows(seed: int, looks: list[bool]) -> None:
    server, patient, eager = RandomServer(seed, WIDTH, HEIGHT), lazy(), RFBProtocol(WIDTH, HEIGHT)
    for look in looks:
        said = server.update()
        assert feed(patient, said) == feed(eager, said)
        assert patient.data_to_send() == eager.data_to_send()
        for name in ("frame", "rectangles", "pixels", "has_picture", "server_ns", "bytes_received"):
            assert getattr(patient, name) == getattr(eager, name)
        if look:
            np.testing.assert_array_equal(shown(patient), shown(eager))
    np.testing.assert_array_equal(shown(patient), shown(eager))


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
@pytest.mark.parametrize("every", [1, 7, 1000])
def test_a_recorded_server(path: Path, every: int) -> None:
    golden = Recording.load(path.with_suffix(""))
    protocol, begin = lazy(golden.width, golden.height), golden.body_offset
    for frame, (_, end) in enumerate(golden.arrivals, 1):
        feed(protocol, golden.data[begin:end])
        begin = end
        if frame % every == 0:
            protocol.picture()
    assert protocol.frame == len(golden.arrivals)
    assert picture_hash(protocol.picture()) == golden.picture_hash


def test_damage_is_told_before_anybody_looks() -> None:
    protocol = lazy()
    (event,) = feed(protocol, update(raw(0, 0, 20, 16, RED)))
    assert isinstance(event, FramebufferUpdated)
    assert (event.frame, event.begin_byte, event.end_byte) == (1, 0, 4 + 12 + 4 * 20 * 16)
    assert sum(rect.width for rect in event.damage) == 32
    (event,) = feed(protocol, update(raw(0, 0, 1, 1, RED)))
    assert isinstance(event, FramebufferUpdated)
    assert (event.begin_byte, event.end_byte) == (1296, 1296 + 20)


def test_what_is_wholly_painted_over_is_never_decoded() -> None:
    protocol = lazy()
    feed(protocol, update(jpeg_at(3, 5, 60, 40, broken=True)))
    # Two that share an edge inside of a tile hide it together.
    feed(protocol, update(raw(0, 0, 40, 90, RED), raw(40, 0, 30, 90, BLUE)))
    picture = shown(protocol)
    assert (picture[:, :40] == (0, 0, 255)).all()
    assert (picture[:, 40:70] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    "seen", [(0, 0, 62, 90), (4, 0, 146, 90), (0, 0, 150, 44), (0, 6, 150, 84)]
)
def test_of_which_a_row_or_column_shows_it_is(seen: tuple[int, int, int, int]) -> None:
    protocol = lazy()
    feed(protocol, update(jpeg_at(3, 5, 60, 40, broken=True)) + update(raw(*seen)))
    with pytest.raises(ProtocolError, match="JPEG"):
        protocol.picture()
    with pytest.raises(ProtocolError, match="JPEG"):
        feed(protocol, b"")


def test_what_is_copied_before_it_is_painted_over_is_decoded() -> None:
    whole = raw(0, 0, 100, 90, RED)
    protocol, eager = lazy(), RFBProtocol(WIDTH, HEIGHT)
    said = update(jpeg_at(3, 5, 40, 40)) + update(copy(110, 0, 40, 60, (3, 5))) + update(whole)
    for one in (protocol, eager):
        feed(one, said)
    np.testing.assert_array_equal(shown(protocol), shown(eager))
    assert len(np.unique(shown(protocol)[:40, 110:].reshape(-1, 3), axis=0)) > 10
    # But not for a copy that is painted over too.
    protocol = lazy()
    feed(protocol, update(jpeg_at(3, 5, 40, 40, broken=True)))
    feed(protocol, update(copy(50, 0, 40, 40, (3, 5))) + update(whole))
    assert (shown(protocol)[:, :100] == (0, 0, 255)).all()


def test_a_zlib_stream_goes_on_behind_what_is_hidden() -> None:
    rng = np.random.default_rng(3)
    encoder = RandomEncoder(rng)
    patient, eager = lazy(), RFBProtocol(WIDTH, HEIGHT)
    for encoding in (TIGHT, ZLIB, ZRLE) * 3:
        said = b"".join(
            update(rectangle(0, 0, 64, 64, encoding, encoder.encode(encoding, pixels)))
            for pixels in (random_picture(rng, 64, 64) for _ in range(3))
        )
        feed(patient, said)
        feed(eager, said)
    np.testing.assert_array_equal(shown(patient), shown(eager))


def test_so_many_bytes_wait_and_no_more() -> None:
    protocol = lazy(1000, 520)
    feed(protocol, update(jpeg_at(0, 500, 20, 20, broken=True)))
    large = update(raw(0, 0, 1000, 500, BLUE))
    for _ in range(2):
        feed(protocol, large)
    with pytest.raises(ProtocolError, match="JPEG"):
        feed(protocol, large)
    protocol = lazy(1000, 500)
    for count in range(9):
        feed(protocol, update(raw(0, 0, 1000, 500, bytes([count, 0, 0, 0]))))
    assert (shown(protocol) == (8, 0, 0)).all()


def test_so_many_rectangles_wait_and_no_more() -> None:
    protocol = lazy()
    feed(protocol, update(jpeg_at(0, 60, 20, 20, broken=True)))
    few = update(*[raw(n, 0, 1, 1, RED) for n in range(100)])
    for _ in range(40):
        feed(protocol, few)
    with pytest.raises(ProtocolError, match="JPEG"):
        feed(protocol, few)
    many = [raw(n % 100, n // 100, 1, 1, RED) for n in range(5000)]
    protocol = lazy()
    feed(protocol, update(raw(0, 0, 10, 1, BLUE)) + update(*many) + update(raw(0, 0, 5, 1, BLUE)))
    picture = shown(protocol)
    assert (picture[0, :5] == (255, 0, 0)).all()
    assert (picture[0, 5:100] == (0, 0, 255)).all()


def test_before_a_resize_all_is_painted() -> None:
    protocol = lazy()
    feed(protocol, update(raw(0, 0, 10, 10, RED)))
    events = feed(protocol, update(desktop_size(20, 20)))
    assert Resized(20, 20) in events
    feed(protocol, update(raw(5, 5, 10, 10, BLUE)))
    picture = shown(protocol)
    assert picture.shape == (20, 20, 3)
    assert (picture[:10, :5] == (0, 0, 255)).all()
    assert (picture[5:15, 5:15] == (255, 0, 0)).all()


def test_a_larger_size_that_comes_and_goes_leaves_nothing_outside() -> None:
    protocol, eager = lazy(), RFBProtocol(WIDTH, HEIGHT)
    outside = raw(WIDTH, HEIGHT, 100, 100, RED)
    said = update(raw(0, 0, 9, 9, BLUE)) + update(
        desktop_size(WIDTH + 200, HEIGHT + 200), outside, desktop_size(WIDTH, HEIGHT)
    )
    for one in (protocol, eager):
        feed(one, said)
    np.testing.assert_array_equal(shown(protocol), shown(eager))


def test_an_error_later_on_leaves_what_came_before() -> None:
    protocol = lazy()
    feed(protocol, update(raw(0, 0, 150, 90, RED)))
    with pytest.raises(ProtocolError, match="leaves"):
        feed(protocol, update(raw(140, 80, 20, 20, BLUE)))
    with pytest.raises(ProtocolError, match="leaves"):
        protocol.picture()


def test_messages_between_are_answered_at_once() -> None:
    protocol = lazy()
    said = update(raw(0, 0, 150, 90, RED)) + fence(1 << 31, b"now") + fence(0, b"12345678")
    events = feed(protocol, said + update(raw(0, 0, 1, 1, BLUE)))
    assert any(isinstance(event, FenceReply) for event in events)
    assert b"now" in protocol.data_to_send()
    assert (shown(protocol)[0, 0] == (255, 0, 0)).all()
    assert (shown(protocol)[1:] == (0, 0, 255)).all()


def test_the_first_error_stays() -> None:
    protocol = lazy()
    feed(protocol, update(jpeg_at(3, 5, 60, 40, broken=True)))
    with pytest.raises(ProtocolError, match="type 77"):
        feed(protocol, b"\x4d")
    with pytest.raises(ProtocolError, match="type 77"):
        protocol.picture()


def test_patient_no_longer() -> None:
    protocol = lazy()
    feed(protocol, update(raw(0, 0, 150, 90, RED)))
    protocol.lazy = False
    assert (shown(protocol) == (0, 0, 255)).all()
    feed(protocol, update(raw(0, 0, 150, 90, BLUE)))
    assert (shown(protocol) == (255, 0, 0)).all()


def test_closed_while_something_waits() -> None:
    protocol = lazy()
    feed(protocol, update(raw(0, 0, 150, 90, RED)))
    protocol.close()
    with pytest.raises(ValueError, match="closed"):
        protocol.picture()

"""Clients that decode late or in gray, and servers that mean harm."""

import random

import numpy as np
import pytest
from fakes.clients import KINDS, NewClient, colors, feed_and_look, levels, new_client
from fakes.random_server import RandomServer, copy, jpeg
from fakes.server_bytes import (
    BELL,
    cut_text,
    desktop_size,
    feed,
    feed_in_pieces,
    last_rectangle,
    raw,
    rectangle,
    update,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.pictures import random_picture
from reference.rfb_decoders import TIGHT

from cython_vnc.errors import ProtocolError
from cython_vnc.protocol import RFBProtocol

WIDTH, HEIGHT = 150, 90
RED = b"\x00\x00\xff\x00"
BLUE = b"\xff\x00\x00\x00"
LONG_UPDATE_BYTES = 8 << 20


def film(x: int, y: int, width: int, height: int, *, broken: bool = False) -> bytes:
    payload = jpeg(random_picture(np.random.default_rng(x + y), width, height))
    if broken:
        payload = payload[:-20] + b"\xff\xd8" * 10
    return rectangle(x, y, width, height, TIGHT, payload)


def fill(x: int, y: int, width: int, height: int) -> bytes:
    return rectangle(x, y, width, height, TIGHT, b"\x80\x01\x02\x03")


def clients(width: int = WIDTH, height: int = HEIGHT) -> dict[str, RFBProtocol]:
    return {kind: new_client(kind, width, height) for kind in KINDS}


def assert_alike(made: dict[str, RFBProtocol]) -> None:
    np.testing.assert_array_equal(levels(made["lazy gray"]), levels(made["gray"]))
    np.testing.assert_array_equal(levels(made["lazy gray halves"]), levels(made["gray halves"]))
    np.testing.assert_array_equal(colors(made["lazy"]), colors(made["eager"]))


def damaged(rng: random.Random, said: bytes) -> bytes:
    changed = bytearray(said)
    for _ in range(rng.choice([0, 0, 1, 2, 10])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), piece_bytes=st.sampled_from([1, 50, 1 << 20]))
def test_what_an_eager_client_takes_the_others_take(seed: int, piece_bytes: int) -> None:
    rng, server, made = random.Random(seed), RandomServer(seed, WIDTH, HEIGHT), clients()
    refused: set[str] = set()
    for _ in range(6):
        said = damaged(rng, server.update()[: 1 << 11 if piece_bytes == 1 else None])
        looks = rng.random() < 0.3
        for kind in KINDS:
            try:
                feed_in_pieces(made[kind], said, piece_bytes)
                if looks:
                    colors(made[kind])
            except ProtocolError:
                refused.add(kind)
    for kind in KINDS:
        try:
            feed_and_look(made[kind], BELL)
        except ProtocolError:
            refused.add(kind)
    assert ("lazy" in refused) <= ("eager" in refused)
    assert ("lazy gray" in refused) <= ("gray" in refused)
    assert ("lazy gray halves" in refused) <= ("gray halves" in refused)
    if not refused:
        assert_alike(made)


OUTSIDE = {
    "a fill behind a smaller size": update(desktop_size(70, 40), fill(0, 0, WIDTH, HEIGHT)),
    "a film behind a smaller size": update(desktop_size(70, 40), film(40, 0, 60, 40)),
    "a fill behind a size that was there": update(
        desktop_size(WIDTH + 90, HEIGHT), desktop_size(WIDTH, HEIGHT), fill(WIDTH, 0, 90, 9)
    ),
    "a fill below": update(fill(0, 1, WIDTH, HEIGHT)),
    "a copy behind a smaller size": update(desktop_size(70, 40), copy(0, 0, 20, 20, (60, 0))),
    "a copy from beyond": update(copy(0, 0, 20, 20, (WIDTH - 19, 0))),
    "a copy from far": update(copy(0, 0, 1, 1, (65535, 65535))),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_while_something_waits(new_client: NewClient, name: str) -> None:
    protocol = new_client(WIDTH, HEIGHT)
    feed(protocol, update(film(0, 0, 64, 64), raw(64, 0, 86, HEIGHT, RED)))
    with pytest.raises(ProtocolError, match=r"leaves|outside"):
        feed_and_look(protocol, OUTSIDE[name])


def test_copies_of_what_waits() -> None:
    """A film is copied half, onto itself, from under a fill, and from where nothing was painted."""
    made = clients()
    said = [
        update(film(3, 5, 60, 60)),
        update(copy(40, 20, 60, 60, (3, 5)), copy(3, 5, 60, 60, (40, 20))),
        update(fill(33, 0, 40, HEIGHT), copy(90, 10, 60, 70, (20, 10))),
        update(copy(0, 0, WIDTH, 40, (0, 50)), copy(149, 89, 1, 1, (0, 0))),
        update(copy(0, 0, 0, 0, (WIDTH, HEIGHT))),
    ]
    for protocol in made.values():
        feed(protocol, b"".join(said))
    assert_alike(made)


def test_the_last_rectangle_ends_what_waits() -> None:
    made = clients()
    said = update(film(0, 0, 64, 64), last_rectangle(), count=65535)
    said += update(fill(10, 10, 30, 30), last_rectangle(), count=2) + update(
        copy(80, 0, 64, 64, (0, 0))
    )
    for protocol in made.values():
        assert len(feed(protocol, said)) == 3
    assert_alike(made)


def test_a_long_update_behind_what_waits() -> None:
    """Decoded as it comes, while somebody looks."""
    made, whole = clients(1024, 1024), raw(0, 0, 1024, 1024, RED)
    films = [film(n, 1000, 24, 24) for n in (0, 500, 1000)]
    said = update(film(100, 100, 64, 64)) + update(
        copy(500, 500, 80, 80, (90, 90)),
        films[0],
        whole,
        films[1],
        whole,
        films[2],
        whole,
        films[0],
    )
    assert len(said) > LONG_UPDATE_BYTES
    for begin in range(0, len(said), 5 << 20):
        for protocol in made.values():
            feed_and_look(protocol, said[begin : begin + (5 << 20)])
    assert_alike(made)
    assert all(protocol.partial for protocol in made.values())


def test_a_size_that_comes_and_goes() -> None:
    """Within one update: what was painted outside is gone."""
    made = clients()
    said = update(film(0, 0, 64, 64)) + update(
        fill(60, 60, 20, 20),
        desktop_size(WIDTH + 70, HEIGHT + 70),
        film(WIDTH, HEIGHT, 64, 64),
        copy(0, 0, 70, 70, (WIDTH, HEIGHT)),
        desktop_size(40, 30),
        film(8, 8, 20, 20),
        desktop_size(WIDTH, HEIGHT),
        fill(5, 5, 20, 20),
    )
    for protocol in made.values():
        feed(protocol, said)
    assert_alike(made)
    assert not levels(made["lazy gray"])[30:].any()


@pytest.mark.parametrize("kind", ["lazy", "lazy gray"])
@pytest.mark.parametrize("messages", [cut_text(bytes(1 << 20)) * 5, BELL * (5 << 20)])
def test_other_messages_do_not_make_it_wait_for_ever(kind: str, messages: bytes) -> None:
    protocol = new_client(kind, WIDTH, HEIGHT)
    feed(protocol, update(film(0, 0, 64, 64, broken=True)))
    protocol.get_buffer(len(messages))[: len(messages)] = messages
    with pytest.raises(ProtocolError, match="JPEG"):
        protocol.receive(len(messages))

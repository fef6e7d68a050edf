"""What goes between a worker's threads beside rows: texts, the pointer's shape."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from fakes.hot_rig import HotRig, Screen
from fakes.server_bytes import cursor, cut_text, update

from cython_vnc.clipboard import text_of
from cython_vnc.errors import ProtocolError
from cython_vnc.events import PointerShape
from workers.mail import Letter
from workers.source import Parcel

MakeRig = Callable[..., tuple[HotRig, Screen]]
EXTENDED = struct.pack(">B3xiII", 3, -8, 1 << 24 | 0xF << 25 | 1, 0)


def exchange(rig: HotRig, parcel: Parcel) -> bool:
    assert rig.hot.post(Letter.EXCHANGE, parcel)
    assert rig.letter(Letter.EXCHANGED)[0] == parcel
    return rig.source.given()


def copied(rig: HotRig, screen: Screen, message: bytes) -> int:
    """The server cuts a text; when that was noticed."""
    screen.server.sendall(message)
    return rig.letter(Letter.COPIED)[0]


def heard(screen: Screen) -> Any:
    """The next cut text that the server hears."""
    kind, what = screen.hear()
    while kind != "cut text":
        kind, what = screen.hear()
    return what


def test_a_text_is_told_of_and_taken(make_rig: MakeRig) -> None:
    rig, screen = make_rig()
    rig.source.want()
    assert exchange(rig, Parcel.TEXT)
    assert rig.source.text() == ""
    first = copied(rig, screen, cut_text(b"caf\xe9"))
    second = copied(rig, screen, cut_text(b"more"))
    assert 0 < first < second
    for _ in range(2):
        rig.source.want()
        assert exchange(rig, Parcel.TEXT)
        assert rig.source.text() == "more"
    copied(rig, screen, cut_text(b"x" * (1 << 21)))
    rig.source.want()
    assert exchange(rig, Parcel.TEXT)
    with pytest.raises(ProtocolError, match="longer than 1048576"):
        rig.source.text()
    assert rig.step()["fault"] == 0


def test_a_text_of_ours_goes_out_and_answers_requests(make_rig: MakeRig) -> None:
    rig, screen = make_rig()
    with pytest.raises(ValueError, match="takes latin-1 alone"):
        rig.source.give("天")
    rig.source.give("é")
    assert exchange(rig, Parcel.OFFER)
    assert heard(screen) == (1, b"\xe9")
    screen.server.sendall(EXTENDED)
    assert heard(screen)[0] == -8
    rig.source.give("天")
    assert exchange(rig, Parcel.OFFER)
    assert heard(screen) == (-4, struct.pack(">I", 1 << 27 | 1))
    screen.server.sendall(struct.pack(">B3xiI", 3, -4, 1 << 25 | 1))
    _, body = heard(screen)
    assert text_of(body[4:], packed=True) == "天"


def test_the_pointers_shape_is_fetched(make_rig: MakeRig) -> None:
    rig, screen = make_rig()
    rig.source.want()
    assert exchange(rig, Parcel.SHAPE)
    assert rig.source.pointer_shape() is None
    pixels = bytes(range(24))
    screen.server.sendall(update(cursor(3, 2, pixels, b"\xa0\x40", (2, 1))) + cut_text(b""))
    rig.letter(Letter.COPIED)
    rig.source.want()
    assert exchange(rig, Parcel.SHAPE)
    drawn = bytearray(pixels)
    drawn[3::4] = bytes((255, 0, 255, 0, 255, 0))
    assert rig.source.pointer_shape() == PointerShape(3, 2, 2, 1, bytes(drawn))
    screen.server.sendall(update(cursor(0, 0, b"", b"", (0, 0))) + cut_text(b""))
    rig.letter(Letter.COPIED)
    rig.source.want()
    assert exchange(rig, Parcel.SHAPE)
    assert rig.source.pointer_shape() == PointerShape(0, 0, 0, 0, b"")


def test_a_lost_connection_exchanges_nothing(make_rig: MakeRig) -> None:
    rig, screen = make_rig()
    screen.server.close()
    rig.letter(Letter.BROKEN)
    rig.source.want()
    assert not exchange(rig, Parcel.TEXT)

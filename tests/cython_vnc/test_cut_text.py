"""Clipboards: latin-1 and extended (rfbproto, "Extended Clipboard"), long, corrupt, asked for."""

import struct
import zlib

import pytest
from fakes.clients import NewClient
from fakes.server_bytes import BELL, cut_text, feed, feed_in_pieces

from cython_vnc.clipboard import Offer, checked, offer_of, text_of
from cython_vnc.constants import Clipboard, Limit
from cython_vnc.errors import ProtocolError
from cython_vnc.events import Bell, CutText
from cython_vnc.protocol import RFBProtocol

TEXT, CAPS = Clipboard.TEXT, Clipboard.CAPS
ALL = Clipboard.REQUEST | Clipboard.PEEK | Clipboard.NOTIFY | Clipboard.PROVIDE
MOST = int(Limit.MAX_TEXT_BYTES)
UNICODE = "Ærøskøbing, ЩУКА, 天地玄黃, 🙂 👩\u200d💻"
OUR_CAPS = struct.pack(">B3xiII", 6, -8, CAPS | ALL | TEXT, MOST)


@pytest.fixture
def protocol(new_client: NewClient) -> RFBProtocol:
    return new_client(16, 16)


def extended(flags: int, body: bytes = b"") -> bytes:
    """A server's message."""
    return cut_text(struct.pack(">I", flags) + body, -(4 + len(body)))


def caps(most_unasked_bytes: int = 0) -> bytes:
    return extended(CAPS | ALL | TEXT, struct.pack(">I", most_unasked_bytes))


def stream(wire: bytes, size: int | None = None) -> bytes:
    return zlib.compress(struct.pack(">I", len(wire) if size is None else size) + wire)


def provided(text: str) -> bytes:
    return extended(Clipboard.PROVIDE | TEXT, stream(text.encode() + b"\0"))


def said(data: bytes) -> list[tuple[int, bytes]]:
    """The flags and what follows of a client's messages, which are all extended."""
    found: list[tuple[int, bytes]] = []
    while data:
        kind, length, flags = struct.unpack_from(">B3xiI", data)
        assert (kind, length < 0) == (6, True)
        found.append((flags, data[12 : 8 - length]))
        data = data[8 - length :]
    return found


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
def test_any_text_comes(protocol: RFBProtocol, piece_bytes: int) -> None:
    data = caps() + provided(UNICODE + "\r\nand\rmore\n") + BELL
    expected = [CutText(UNICODE + "\nand\nmore\n"), Bell()]
    assert feed_in_pieces(protocol, data, piece_bytes) == expected
    assert protocol.newest_cut_text() == UNICODE + "\nand\nmore\n"
    assert protocol.cut_texts == 1
    assert protocol.clipboard_caps == CAPS | ALL | TEXT
    assert protocol.data_to_send() == OUR_CAPS
    feed(protocol, cut_text(b"caf\xe9\r\n"))
    assert protocol.newest_cut_text() == "café\n"


def test_a_server_that_only_notifies_is_asked(protocol: RFBProtocol) -> None:
    feed(protocol, extended(Clipboard.NOTIFY | TEXT))
    assert said(protocol.data_to_send()) == [(Clipboard.REQUEST | TEXT, b"")]
    feed(protocol, extended(Clipboard.NOTIFY))  # nothing is there any more
    assert protocol.data_to_send() == b""


def test_what_is_no_text_is_left_alone(protocol: RFBProtocol) -> None:
    picture = extended(Clipboard.PROVIDE | 1 << 3, bytes(100))
    short = cut_text(b"abc", -3)
    assert feed(protocol, picture + short + extended(1 << 30, bytes(9)) + BELL) == [Bell()]
    assert (protocol.cut_texts, protocol.newest_cut_text()) == (0, "")


def test_ours_is_notified_then_given_when_asked_for(protocol: RFBProtocol) -> None:
    feed(protocol, caps())
    protocol.data_to_send()
    feed(protocol, extended(Clipboard.PEEK))
    assert said(protocol.data_to_send()) == [(Clipboard.NOTIFY, b"")]
    feed(protocol, extended(Clipboard.REQUEST | TEXT))
    assert protocol.data_to_send() == b""
    protocol.offer_text("one")
    protocol.offer_text(UNICODE + "\nmore\r\n")
    assert said(protocol.data_to_send()) == 2 * [(Clipboard.NOTIFY | TEXT, b"")]
    for _ in range(2):
        feed(protocol, extended(Clipboard.PEEK) + extended(Clipboard.REQUEST | TEXT))
        notified, (flags, body) = said(protocol.data_to_send())
        assert notified == (Clipboard.NOTIFY | TEXT, b"")
        assert flags == Clipboard.PROVIDE | TEXT
        wire = UNICODE.encode() + b"\r\nmore\r\n\0"
        assert zlib.decompress(body) == struct.pack(">I", len(wire)) + wire
        assert text_of(body, packed=True) == UNICODE + "\nmore\n"


def test_what_a_server_takes_unasked_is_given_at_once(protocol: RFBProtocol) -> None:
    feed(protocol, caps(6))
    protocol.data_to_send()
    protocol.offer_text("ab\nd")  # with its zero: 6 bytes
    ((flags, body),) = said(protocol.data_to_send())
    assert (flags, text_of(body, packed=True)) == (Clipboard.PROVIDE | TEXT, "ab\nd")
    protocol.offer_text("ab\nde")
    assert said(protocol.data_to_send()) == [(Clipboard.NOTIFY | TEXT, b"")]


def test_without_caps_it_is_latin_1_or_nothing(protocol: RFBProtocol) -> None:
    protocol.offer_text("é\r\n!")
    assert protocol.data_to_send() == b"\x06\0\0\0\0\0\0\x03\xe9\n!"
    with pytest.raises(ValueError, match=r"has '€', but the VNC server's clipboard takes latin-1"):
        protocol.offer_text("5 €")
    assert protocol.data_to_send() == b""
    assert offer_of("é", 0, 0) == Offer(b"\x06\0\0\0\0\0\0\x01\xe9", b"")


def test_without_notifying_it_is_given_at_once() -> None:
    offer = offer_of("é", CAPS | TEXT | Clipboard.PROVIDE, 0)
    assert offer.said == offer.kept != b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (7, "text is 7, expected a string"),
        ("ab\0", "a zero character at 2"),
        ("a\ud83d", r"has '\\ud83d', which is no character"),
        ("é" * (MOST // 2 + 1), "has 1048578 bytes of UTF-8, expected at most 1048576"),
    ],
)
def test_what_no_clipboard_holds(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(text)


def test_the_longest_text_goes_both_ways(protocol: RFBProtocol) -> None:
    text = "\n" * (MOST - 3) + "天"
    feed(protocol, caps())
    protocol.data_to_send()
    protocol.offer_text(text)
    feed(protocol, extended(Clipboard.REQUEST | TEXT))
    _, (_, body) = said(protocol.data_to_send())
    feed(protocol, extended(Clipboard.PROVIDE | TEXT, body))
    assert protocol.newest_cut_text() == text


LONG = {
    "latin-1": cut_text(b"x" * (MOST + 5000)),
    "latin-1, long as UTF-8": cut_text(b"\xe9" * MOST),
    "extended": extended(Clipboard.PROVIDE | TEXT, bytes(MOST + 5000)),
    "a bomb": extended(Clipboard.PROVIDE | TEXT, stream(b"x" * (8 << 20))),
    "a line end too many": extended(Clipboard.PROVIDE | TEXT, stream(b"\r\n" * MOST + b"x\0")),
    "just too long": extended(Clipboard.PROVIDE | TEXT, stream(b"x" * (MOST + 1) + b"\0")),
}


@pytest.mark.parametrize("name", LONG)
def test_a_text_that_is_too_long_is_dropped(new_client: NewClient, name: str) -> None:
    protocol = new_client(16, 16)
    data = provided("before") + LONG[name] + BELL
    # As the hot thread does it: in pieces, of which no event is made.
    for begin in range(0, len(data), 1 << 16):
        piece = data[begin : begin + (1 << 16)]
        protocol.get_buffer(len(piece))[: len(piece)] = piece
        protocol.receive(len(piece))
    assert (protocol.cut_texts, protocol.bells) == (2, 1)
    with pytest.raises(ProtocolError, match="is longer than 1048576 bytes"):
        protocol.newest_cut_text()
    feed(protocol, provided("after"))
    assert protocol.newest_cut_text() == "after"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"no zlib", "is corrupt"),
        (b"", "is corrupt"),
        (zlib.compress(b"abc"), "is corrupt"),
        (stream(b"short", 6), "ends before its 6 bytes do"),
    ],
)
def test_corrupt_texts(protocol: RFBProtocol, body: bytes, message: str) -> None:
    data = extended(Clipboard.PROVIDE | TEXT, body)
    protocol.get_buffer(len(data))[: len(data)] = data
    protocol.receive(len(data))
    with pytest.raises(ProtocolError, match=message):
        protocol.newest_cut_text()
    protocol.check()


def test_bytes_that_are_no_utf_8_are_marked() -> None:
    assert text_of(stream(b"a\xffb\0"), packed=True) == "a\ufffdb"


@pytest.mark.parametrize("asked", [caps(), extended(Clipboard.NOTIFY | TEXT)])
def test_a_flood_of_questions_ends(protocol: RFBProtocol, asked: bytes) -> None:
    flood = asked * 2000
    with pytest.raises(ProtocolError, match="reads none"):
        feed_in_pieces(protocol, flood * 50, len(flood))
    assert len(protocol.data_to_send()) < (1 << 20) + 1000


def test_a_flood_of_requests_ends(protocol: RFBProtocol) -> None:
    feed(protocol, caps())
    protocol.offer_text("".join(chr(0x4E00 + place * 7919 % 20000) for place in range(300_000)))
    with pytest.raises(ProtocolError, match="reads none"):
        feed(protocol, extended(Clipboard.REQUEST | TEXT) * 100)
    assert len(protocol.data_to_send()) < 3 << 20

"""The handshake in every version, whole and byte by byte, and what no server should say in it."""

import struct
from dataclasses import dataclass

import pytest

from cython_vnc.errors import AuthenticationError, ProtocolError, RFBError, UnsupportedServer
from cython_vnc.handshake import Handshake
from cython_vnc.pixel_format import BGRX, PixelFormat
from cython_vnc.security import vnc_response

CHALLENGE = bytes(range(16))
ANSWER = vnc_response("secret", CHALLENGE)
OK, FAILED = b"\0\0\0\0", b"\0\0\0\x01"


def server_init(width: int = 1024, height: int = 768, name: bytes = b"desk") -> bytes:
    return struct.pack(">HH", width, height) + BGRX.pack() + struct.pack(">I", len(name)) + name


def reason(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def offer(*types: int) -> bytes:
    return bytes([len(types), *types])


@dataclass
class Script:
    """What a server says, and what is said to it."""

    server: bytes
    client: bytes
    password: str | None = None


SCRIPTS = {
    "3.8 none": Script(b"RFB 003.008\n" + offer(1) + OK + server_init(), b"RFB 003.008\n\x01\x01"),
    "3.8 password": Script(
        b"RFB 003.008\n" + offer(16, 2) + CHALLENGE + OK + server_init(),
        b"RFB 003.008\n\x02" + ANSWER + b"\x01",
        "secret",
    ),
    "3.8 both offered, no password": Script(
        b"RFB 003.008\n" + offer(2, 1) + OK + server_init(), b"RFB 003.008\n\x01\x01"
    ),
    "3.8 both offered, a password": Script(
        b"RFB 003.008\n" + offer(1, 2) + CHALLENGE + OK + server_init(),
        b"RFB 003.008\n\x02" + ANSWER + b"\x01",
        "secret",
    ),
    "3.8 a password for nothing": Script(
        b"RFB 003.008\n" + offer(1) + OK + server_init(), b"RFB 003.008\n\x01\x01", "secret"
    ),
    "3.7 none": Script(b"RFB 003.007\n" + offer(1) + server_init(), b"RFB 003.007\n\x01\x01"),
    "3.7 password": Script(
        b"RFB 003.007\n" + offer(2) + CHALLENGE + OK + server_init(),
        b"RFB 003.007\n\x02" + ANSWER + b"\x01",
        "secret",
    ),
    "3.3 none": Script(b"RFB 003.003\n\0\0\0\x01" + server_init(), b"RFB 003.003\n\x01"),
    "3.3 password": Script(
        b"RFB 003.003\n\0\0\0\x02" + CHALLENGE + OK + server_init(),
        b"RFB 003.003\n" + ANSWER + b"\x01",
        "secret",
    ),
    "3.5 is 3.3": Script(b"RFB 003.005\n\0\0\0\x01" + server_init(), b"RFB 003.003\n\x01"),
    "Apple's 3.889": Script(
        b"RFB 003.889\n" + offer(30, 1) + OK + server_init(), b"RFB 003.008\n\x01\x01"
    ),
    "RealVNC's 4.1": Script(
        b"RFB 004.001\n" + offer(1) + OK + server_init(), b"RFB 003.008\n\x01\x01"
    ),
    "RealVNC's 5.0": Script(
        b"RFB 005.000\n" + offer(1) + OK + server_init(), b"RFB 003.008\n\x01\x01"
    ),
}


@pytest.mark.parametrize("piece_bytes", [1, 5, 1000])
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str, piece_bytes: int) -> None:
    script = SCRIPTS[name]
    handshake = Handshake(script.password)
    said = b""
    for begin in range(0, len(script.server), piece_bytes):
        assert not handshake.done
        handshake.feed(script.server[begin : begin + piece_bytes])
        said += handshake.data_to_send()
    assert said == script.client
    assert handshake.done
    init = handshake.server_init
    assert (init.width, init.height, init.name, init.pixel_format) == (1024, 768, "desk", BGRX)
    assert handshake.leftover == b""


@pytest.mark.parametrize("name", SCRIPTS)
def test_cut_anywhere_it_is_waited_for(name: str) -> None:
    script = SCRIPTS[name]
    for end in range(len(script.server)):
        handshake = Handshake(script.password)
        handshake.feed(script.server[:end])
        assert not handshake.done
        assert script.client.startswith(handshake.data_to_send())
        with pytest.raises(ValueError, match="the server still has to say"):
            _ = handshake.server_init


def test_says_what_it_waits_for() -> None:
    handshake = Handshake("secret")
    script = SCRIPTS["3.8 password"].server
    waits = [handshake.waiting_for]
    for byte in script:
        handshake.feed(bytes([byte]))
        waits.append(handshake.waiting_for)
    assert list(dict.fromkeys(waits)) == [
        "its version",
        "its security types",
        "its challenge",
        "whether it lets us in",
        "its ServerInit",
    ]


def test_what_follows_is_left_over() -> None:
    handshake = Handshake()
    handshake.feed(SCRIPTS["3.8 none"].server + b"\0\0\0\1rest")
    assert handshake.leftover == b"\0\0\0\1rest"
    handshake.feed(b"more")
    assert handshake.leftover == b"\0\0\0\1restmore"


def test_may_ask_for_the_desktop_alone() -> None:
    handshake = Handshake(shared=False)
    handshake.feed(SCRIPTS["3.8 none"].server)
    assert handshake.data_to_send()[-1] == 0


@pytest.mark.parametrize(
    "pixel_format",
    [
        BGRX._replace(bits_per_pixel=0),
        BGRX._replace(bits_per_pixel=7, depth=255),
        BGRX._replace(red_max=0, green_shift=255),
        BGRX._replace(true_colour=False, depth=32),
    ],
)
def test_any_pixel_format_of_the_server_is_accepted(pixel_format: PixelFormat) -> None:
    # Ours is set before any pixel comes.
    handshake = Handshake()
    init = server_init().replace(BGRX.pack(), pixel_format.pack())
    handshake.feed(b"RFB 003.008\n" + offer(1) + OK + init)
    assert handshake.server_init.pixel_format == pixel_format


def test_any_boolean_but_zero_is_true() -> None:
    packed = bytearray(BGRX.pack())
    packed[2] = packed[3] = 0xFF
    assert PixelFormat.unpack(bytes(packed)) == BGRX._replace(big_endian=True)


V8 = b"RFB 003.008\n"
REFUSED: dict[str, tuple[bytes, type[RFBError], str]] = {
    "HTTP": (
        b"HTTP/1.1 400 Bad Request\r\n",
        ProtocolError,
        "^not a VNC server: its first bytes are b'HTTP",
    ),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError, "first bytes are b'SSH-"),
    "zeros": (bytes(12), ProtocolError, "not a VNC server"),
    "a broken version": (b"RFB 03.0008\n", ProtocolError, r"first bytes are b'RFB 03.0008\\n'"),
    "an old version": (b"RFB 003.002\n", UnsupportedServer, "speaks RFB 3.2, expected 3.3"),
    "a repeater": (b"RFB 000.000\n", UnsupportedServer, "speaks RFB 0.0"),
    "unknown types": (
        V8 + offer(16, 19),
        UnsupportedServer,
        r"^the server offers no security type we know: \[16, 19\]$",
    ),
    "255 unknown types": (V8 + offer(*[77] * 255), UnsupportedServer, "no security type we know"),
    "an unknown type in 3.3": (b"RFB 003.003\n\0\0\0\x10", UnsupportedServer, r"know: \[16\]"),
    "a type of 32 bits": (b"RFB 003.003\n\xff\xff\xff\xff", UnsupportedServer, "4294967295"),
    "no types": (
        V8 + b"\0" + reason(b"Too many security\nfailures\x1b[31m"),
        AuthenticationError,
        r"^the server refuses the connection: Too many security failures\?\[31m$",
    ),
    "no types in 3.3": (
        b"RFB 003.003\n\0\0\0\0" + reason(b"go away"),
        AuthenticationError,
        "refuses the connection: go away",
    ),
    "a reason of 4 GB": (
        V8 + b"\0\xff\xff\xff\xff",
        ProtocolError,
        "reason of 4294967295 bytes, at most 65536",
    ),
    "a password is wanted": (V8 + offer(2), AuthenticationError, "wants a password"),
    "refused without password": (
        V8 + offer(1) + FAILED + reason(b"closed today"),
        AuthenticationError,
        "refuses the connection: closed today",
    ),
    "0x0": (V8 + offer(1) + OK + server_init(0, 0), ProtocolError, "framebuffer is 0x0"),
    "0x600": (V8 + offer(1) + OK + server_init(0, 600), ProtocolError, "framebuffer is 0x600"),
    "65535x65535": (
        V8 + offer(1) + OK + server_init(65535, 65535),
        ProtocolError,
        "framebuffer is 65535x65535, expected 1x1 to 16384x16384",
    ),
    "too many pixels": (
        V8 + offer(1) + OK + server_init(16384, 16384),
        ProtocolError,
        "at most 67108864 pixels",
    ),
    "a name of 4 GB": (
        V8 + offer(1) + OK + server_init()[:20] + b"\xff\xff\xff\xff",
        ProtocolError,
        "desktop name of 4294967295 bytes, at most 65536",
    ),
}


def feed_in_pieces(handshake: Handshake, data: bytes, piece_bytes: int) -> None:
    for begin in range(0, len(data), piece_bytes):
        handshake.feed(data[begin : begin + piece_bytes])


def test_shows_the_first_bytes_of_what_is_no_vnc_server() -> None:
    with pytest.raises(ProtocolError) as refused:
        Handshake().feed(b"HTTP/1.1 400 Bad Request\r\n")
    expected = "not a VNC server: its first bytes are b'HTTP/1.1 400'"
    assert str(refused.value) == expected


@pytest.mark.parametrize("piece_bytes", [1, 1000])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, piece_bytes: int) -> None:
    data, error, message = REFUSED[name]
    handshake = Handshake()
    with pytest.raises(error, match=message) as refused:
        feed_in_pieces(handshake, data, piece_bytes)
    assert not handshake.done
    with pytest.raises(error) as again:
        handshake.feed(b"more")
    assert str(again.value) == str(refused.value)


@pytest.mark.parametrize(
    ("version", "explanation", "message"),
    [
        (b"RFB 003.008\n\x01\x02", reason(b"Authentication failure"), "Authentication failure"),
        (b"RFB 003.007\n\x01\x02", b"", "no reason given"),
        (b"RFB 003.003\n\0\0\0\x02", b"", "no reason given"),
    ],
)
def test_a_wrong_password(version: bytes, explanation: bytes, message: str) -> None:
    handshake = Handshake("guess")
    with pytest.raises(AuthenticationError, match=f"^wrong password.*{message}"):
        handshake.feed(version + CHALLENGE + FAILED + explanation)


def test_a_reason_is_shown_in_part() -> None:
    handshake = Handshake()
    with pytest.raises(AuthenticationError) as refused:
        handshake.feed(V8 + b"\0" + reason(b"\xff" * 65536))
    assert len(str(refused.value)) < 300


def test_a_session_may_limit_the_size() -> None:
    handshake = Handshake(max_width=800)
    with pytest.raises(ProtocolError, match="1024x768, expected 1x1 to 800x16384"):
        handshake.feed(SCRIPTS["3.8 none"].server)


def test_a_password_beyond_latin_1_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="latin-1 only") as refused:
        Handshake("pässwörd€")
    assert "€" not in str(refused.value)

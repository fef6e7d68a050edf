"""A remote that cannot be used: one clear error that names it, and nothing left behind."""

import re
import socket
import struct

import pytest
from fakes.scripted_vnc import GREETING, ScriptedVNC

import envserver
from envserver.errors import StartError

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_left")]


def raw_rectangle(x: int, y: int, width: int, height: int) -> bytes:
    return struct.pack("!BxHHHHHi", 0, 1, x, y, width, height, 0)


CASES = {
    "not a VNC server": ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], False, "not a VNC server"),
    "says nothing": ([], False, "says nothing"),
    "no security type": ([b"RFB 003.008\n", b"\x01\x10"], False, "security type"),
    "too many connections": (
        [b"RFB 003.008\n", struct.pack("!BI", 0, 8) + b"too many"],
        False,
        "too many",
    ),
    "an empty screen": ([*GREETING[:3], bytes(24)], False, "0x0"),
    "sends no picture": (GREETING, False, "no picture"),
    "rectangle outside": (
        [*GREETING[:3], GREETING[3] + raw_rectangle(60, 0, 8, 8)],
        False,
        "raw: rectangle 8x8+60+0 leaves the 64x48 framebuffer",
    ),
    "dies in a rectangle": (
        [*GREETING[:3], GREETING[3] + raw_rectangle(0, 0, 64, 48) + b"abc"],
        True,
        "closed the connection",
    ),
    "a 4 GB length": (
        [*GREETING[:3], GREETING[3] + struct.pack("!B3xi", 3, 0x7FFFFFFF)],
        False,
        "server cut text",
    ),
    "an unknown message": ([*GREETING[:3], GREETING[3] + b"\xc8"], False, "message of type 200"),
}


@pytest.mark.parametrize("name", CASES)
def test_error_names_the_remote_and_the_cause(name: str) -> None:
    lines, hang_up, cause = CASES[name]
    server = ScriptedVNC(lines, hang_up=hang_up)
    try:
        with pytest.raises(StartError, match=f"127.0.0.1:{server.port}.*{re.escape(cause)}"):
            envserver.make_vec(remotes=server.address, start_timeout_s=1.5)
    finally:
        server.close()


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(StartError, match=rf"127.0.0.1:{port}: nothing listens there"):
        envserver.make_vec(remotes=f"vnc://127.0.0.1:{port}", start_timeout_s=1)


@pytest.mark.parametrize("host", ["[fe80::1%nosuch]", "a..b"])  # no name server is asked
@pytest.mark.parametrize("port", [":5900", "+15900"])
def test_an_unknown_host_fails_at_once(host: str, port: str) -> None:
    with pytest.raises(StartError, match=rf"{re.escape(host + port)}.*: unknown host"):
        envserver.make_vec(remotes=f"vnc://{host}{port}", start_timeout_s=60)


def test_wrong_password() -> None:
    challenge = [
        b"RFB 003.008\n",
        b"\x01\x02",
        bytes(16),
        b"\0\0\0\x01" + struct.pack("!I", 3) + b"no!",
    ]
    server = ScriptedVNC(challenge)
    try:
        with pytest.raises(StartError, match="wrong password") as caught:
            envserver.make_vec(remotes=f"{server.address}?password=sesame", start_timeout_s=5)
        assert "sesame" not in str(caught.value)
        assert "?password=" in str(caught.value)
    finally:
        server.close()

"""Waiting for servers that come late, hang up, or are others."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from envserver.errors import RemoteError
from envserver.remotes.base import Endpoint
from envserver.remotes.health import wait_rewarder, wait_vnc
from workers.rewarder_messages import parse_authorization

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Wait = Callable[[Endpoint], Awaitable[None]]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def await_server(wait: Wait, serve: Serve, password: str = "") -> None:
    """Wait for a server that behaves as `serve`."""

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, asyncio.timeout(5):
            await wait(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], password))

    asyncio.run(work())


def says(*answers: bytes) -> Serve:
    """Answers one connection after the other, the last for good; b"" hangs up."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await hang_up(writer)

    return serve


def test_a_vnc_server_that_comes_late() -> None:
    await_server(wait_vnc, says(b"", b"RF", b"RFB 003.008\n"))


def test_no_vnc_server() -> None:
    with pytest.raises(RemoteError, match=r"VNC port answers b'HTTP', expected .* 'RFB '"):
        await_server(wait_vnc, says(b"", b"HTTP/1.1 400 Bad Request\r\n"))


def test_a_rewarder_is_asked_as_an_observer() -> None:
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        asked.append(dict(line.lower().split(": ", 1) for line in head[1:] if line))
        asked[0]["authorization"] = next(line for line in head if line.startswith("Authorization"))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        await hang_up(writer)

    await_server(wait_rewarder, serve, "secret")
    assert asked[0]["openai-observer"] == "true"
    assert asked[0]["upgrade"] == "websocket"
    assert parse_authorization(asked[0]["authorization"].partition(": ")[2]) == "secret"


def test_a_rewarder_that_comes_late() -> None:
    await_server(wait_rewarder, says(b"", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))


def test_a_rewarder_that_comes_late_behind_a_proxy() -> None:
    bad_gateway = b"HTTP/1.1 502 Bad Gateway\r\n\r\n"
    starting = b"HTTP/1.0 503 Service Unavailable\r\n\r\n"
    welcome = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    await_server(wait_rewarder, says(b"", bad_gateway, starting, welcome))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"RFB 003.008\n"])
def test_no_rewarder(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        await hang_up(writer)

    with pytest.raises(RemoteError, match="its rewarder answers b'"):
        await_server(wait_rewarder, serve)

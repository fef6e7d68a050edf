"""Waits until the two servers of a remote answer; asks neither for more than a greeting.  [I/O]

A published port may accept before anything listens behind it, and hang up: only bytes count. The
caller bounds the time.
"""

import asyncio
import base64
import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable

from envserver.errors import RemoteError
from envserver.remotes.base import Endpoint
from workers.rewarder_messages import authorization

FIRST_DELAY_S = 0.01
MAX_DELAY_S = 0.25
GREETING = b"RFB "
WELCOME = b"HTTP/1.1 101"
SERVER_ERROR = re.compile(rb"HTTP/1\.[01] 5\d\d")


async def wait_vnc(endpoint: Endpoint) -> None:
    """Wait for the first bytes of a VNC server.

    Raises:
        RemoteError: what answers is none.
    """
    await _retry(lambda: _vnc_greets(endpoint))


async def wait_rewarder(endpoint: Endpoint) -> None:
    """Wait until a rewarder takes an observer's WebSocket.

    A status of 500 and more is a proxy's whose rewarder is not up yet.

    Raises:
        RemoteError: what answers is none, or refuses.
    """
    await _retry(lambda: _rewarder_greets(endpoint))


async def _retry(greets: Callable[[], Awaitable[bool]]) -> None:
    delay_s = FIRST_DELAY_S
    while True:
        with contextlib.suppress(OSError):
            if await greets():
                return
        await asyncio.sleep(delay_s)
        delay_s = min(1.5 * delay_s, MAX_DELAY_S)


async def _vnc_greets(endpoint: Endpoint) -> bool:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        found = await reader.readexactly(len(GREETING))
    except asyncio.IncompleteReadError:
        return False
    finally:
        await _abort(writer)
    if found != GREETING:
        raise RemoteError(f"its VNC port answers {found!r}, expected a VNC server's 'RFB '")
    return True


async def _rewarder_greets(endpoint: Endpoint) -> bool:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = ["GET / HTTP/1.1", f"Host: {endpoint.host}:{endpoint.port}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"Authorization: {authorization(endpoint.password)}", "openai-observer: true"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readexactly(len(WELCOME))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise RemoteError(f"its rewarder answers {error.partial!r} and ends") from error
        return False
    finally:
        await _abort(writer)
    if SERVER_ERROR.fullmatch(head):
        return False
    if head != WELCOME:
        raise RemoteError(f"its rewarder answers {head!r}, expected {WELCOME.decode()!r}")
    return True


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()

"""Connects to a VNC server: TCP and the handshake, with retries while a remote boots. [I/O]"""

import asyncio
import logging
import socket
import time

from cython_vnc.encodings import encodings_for
from cython_vnc.errors import AuthenticationError, RFBError
from cython_vnc.handshake import Handshake
from cython_vnc.protocol import RFBProtocol
from workers.entries import Fault
from workers.errors import RemoteUnusable
from workers.messages import WorkerConfig

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 10.0
"""A server that says nothing for so long is given up; the connection is tried again."""
HANDSHAKE_LEAST_S = 0.25
"""With less left there is no use in another attempt."""
RETRY_FIRST_S = 0.02
RETRY_MOST_S = 2.0
LASTED_S = 5.0
KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))
"""A host that vanished is noticed within 11 s, however still its screen was."""


class BackOff:
    """Pauses between attempts: longer each time, short again after a connection that lasted."""

    def __init__(self) -> None:
        self._pause_s = RETRY_FIRST_S
        self._began_s = time.monotonic()

    def begin(self) -> None:
        """An attempt begins."""
        self._began_s = time.monotonic()

    async def pause(self) -> None:
        """It has ended: wait before the next."""
        if time.monotonic() - self._began_s > LASTED_S:
            self._pause_s = RETRY_FIRST_S
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, RETRY_MOST_S)


async def handshake(config: WorkerConfig, timeout_s: float) -> tuple[socket.socket, RFBProtocol]:
    """Connect once: a non-blocking socket, and the protocol after its `start`.

    Raises:
        OSError: nothing listens there, the connection broke, or the host is unknown (gaierror).
        TimeoutError: the server says nothing.
        RFBError: it speaks no RFB, refuses the password, or offers nothing we know.
    """
    loop = asyncio.get_running_loop()
    connection = socket.socket(
        socket.AF_INET6 if ":" in config.vnc_host else socket.AF_INET, socket.SOCK_STREAM
    )
    connection.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            try:
                await loop.sock_connect(connection, (config.vnc_host, config.vnc_port))
            except UnicodeError as error:  # Python's own complaint about an impossible name
                raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
            greeting = Handshake(config.vnc_password or None)
            while not greeting.done:
                data = await loop.sock_recv(connection, 65536)
                if not data:
                    raise ConnectionError("the server closed the connection in the handshake")
                greeting.feed(data)
                if answer := greeting.data_to_send():
                    await loop.sock_sendall(connection, answer)
        init = greeting.server_init
        protocol = RFBProtocol(init.width, init.height)
        protocol.subscribe([(x, y, width, height) for x, width, y, height in config.subscription])
        protocol.start(
            encodings_for(
                config.encoding,
                quality_level=config.quality_level,
                compress_level=config.compress_level,
                fine_quality_level=config.fine_quality_level,
                subsample_level=config.subsample_level,
            )
        )
        if greeting.leftover:
            room = protocol.get_buffer(len(greeting.leftover))
            room[: len(greeting.leftover)] = greeting.leftover
            protocol.buffer_updated(len(greeting.leftover))
    except BaseException:
        connection.close()
        raise
    return connection, protocol


def refused(config: WorkerConfig, error: Exception) -> RemoteUnusable:
    """Say in one line what is wrong with a remote, and what to do."""
    place = f"{config.name}: VNC server {config.vnc_host}:{config.vnc_port}"
    if isinstance(error, AuthenticationError):
        return RemoteUnusable(
            Fault.AUTHENTICATION,
            f"{place}: {error}; give the right one as `?password=` of the address",
        )
    if isinstance(error, RFBError):
        return RemoteUnusable(Fault.PROTOCOL_ERROR, f"{place}: {error}")
    if isinstance(error, TimeoutError):
        return RemoteUnusable(
            Fault.CONNECTION_LOST, f"{place}: it accepts connections but says nothing"
        )
    if isinstance(error, ConnectionRefusedError):
        return RemoteUnusable(
            Fault.CONNECTION_LOST,
            f"{place}: nothing listens there; start the server or correct the address",
        )
    if isinstance(error, socket.gaierror):
        return RemoteUnusable(
            Fault.CONNECTION_LOST, f"{place}: unknown host ({error.strerror}); correct the address"
        )
    return RemoteUnusable(Fault.CONNECTION_LOST, f"{place}: {error}")


def broken(config: WorkerConfig, broke_protocol: bool, why: str) -> RemoteUnusable:
    """Say in one line why a connection has ended."""
    fault = Fault.PROTOCOL_ERROR if broke_protocol else Fault.CONNECTION_LOST
    place = f"VNC server {config.vnc_host}:{config.vnc_port}"
    return RemoteUnusable(fault, f"{config.name}: {place}: {why}")


def never_works(error: Exception) -> bool:
    """Whether trying again is no help: no VNC server, a wrong password, a host without address."""
    if isinstance(error, socket.gaierror):
        return error.errno != socket.EAI_AGAIN  # "again": the name server does not answer
    return isinstance(error, RFBError)


async def connect(
    config: WorkerConfig, deadline_s: float | None
) -> tuple[socket.socket, RFBProtocol]:
    """Connect, trying again with growing pauses.

    Args:
        deadline_s: time.monotonic() at which to give up; None never does.

    Raises:
        RemoteUnusable: it cannot be used: at once when trying again is no help, else at the
            deadline.
    """
    back_off = BackOff()
    failure: RemoteUnusable | None = None
    while True:
        left_s = HANDSHAKE_TIMEOUT_S if deadline_s is None else deadline_s - time.monotonic()
        if failure is not None and left_s < HANDSHAKE_LEAST_S:
            raise failure
        try:
            return await handshake(config, min(left_s, HANDSHAKE_TIMEOUT_S))
        except (OSError, TimeoutError, RFBError) as error:
            failure = refused(config, error)
            if deadline_s is not None and never_works(error):
                raise failure from error
            logger.debug("%s; trying again", failure)
        await back_off.pause()

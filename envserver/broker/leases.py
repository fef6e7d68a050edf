"""Leases: a trainer's process holds its sessions exactly as long as it lives.  [I/O]

The unix socket says who connects (SO_PEERCRED), a pidfd of that process says when it ends. Silence
is no end: a debugger or a long compilation may stop a trainer for hours. Closing the connection is
one.
"""

import asyncio
import logging
import os
import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from envserver import messages, processes

logger = logging.getLogger(__name__)

UCRED = struct.Struct("3i")
SEND_TIMEOUT_S = 10.0


class Lease:
    """One connection of a trainer."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.token = secrets.token_hex(16)
        self.pid = pid
        self.connection = connection
        self.pidfd = os.pidfd_open(pid) if pid else -1
        """-1: the trainer's process is invisible here (another pid namespace)."""

    async def send(self, message: dict[str, object], descriptors: Sequence[int] = ()) -> None:
        """Send one message with descriptors.

        Raises:
            OSError: the trainer is gone, or does not take it.
        """
        data = messages.pack(message)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SEND_TIMEOUT_S):
            while True:
                try:
                    socket.send_fds(self.connection, [data], descriptors, socket.MSG_NOSIGNAL)
                    return
                except BlockingIOError:
                    writable: asyncio.Future[None] = loop.create_future()
                    loop.add_writer(self.connection.fileno(), writable.set_result, None)
                    try:
                        await writable
                    finally:
                        loop.remove_writer(self.connection.fileno())

    async def send_descriptors(self, token: str, descriptors: Sequence[int]) -> None:
        """Send the descriptors of a session, in as many messages as they need."""
        for first in range(0, len(descriptors), messages.MAX_DESCRIPTORS):
            batch = descriptors[first : first + messages.MAX_DESCRIPTORS]
            await self.send({"token": token, "first": first, "count": len(batch)}, batch)


class LeaseServer:
    """Listens for trainers.

    Args:
        on_end: called once with each lease whose trainer ended.
    """

    def __init__(self, path: Path, on_end: Callable[[Lease], None]) -> None:
        self.leases: dict[str, Lease] = {}
        self._path = path
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._greetings: set[asyncio.Task[None]] = set()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def stop_listening(self) -> None:
        """Take no more trainers."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Hang up on every trainer."""
        self.stop_listening()
        for lease in list(self.leases.values()):
            self._forget(lease)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            logger.error("a trainer could not connect: %s", error)
            return
        connection.setblocking(False)
        pid, uid, _ = UCRED.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
        )
        if uid not in (os.getuid(), 0):
            logger.warning("process %d of user %d was refused", pid, uid)
            connection.close()
            return
        try:
            lease = Lease(connection, pid)
        except OSError as error:  # it ended already, or no descriptor is left
            logger.warning("process %d gets no lease: %s", pid, error)
            connection.close()
            return
        self.leases[lease.token] = lease
        self._loop.add_reader(connection.fileno(), self._heard, lease)
        if lease.pidfd >= 0:
            self._loop.add_reader(lease.pidfd, self._ended, lease, "its process ended")
        greeting = self._loop.create_task(self._greet(lease))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)

    async def _greet(self, lease: Lease) -> None:
        try:
            await lease.send({"protocol_version": messages.PROTOCOL_VERSION, "lease": lease.token})
        except OSError:
            self._ended(lease, "it hung up")

    def _heard(self, lease: Lease) -> None:
        try:
            data = lease.connection.recv(messages.LEASE_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        # A trainer has nothing to say here: whatever it is, it is no trainer of ours any more.
        self._ended(lease, "it said something strange" if data else "it hung up")

    def _ended(self, lease: Lease, why: str) -> None:
        if self._forget(lease):
            logger.debug("the lease of process %d ended: %s", lease.pid, why)
            self._on_end(lease)

    def _forget(self, lease: Lease) -> bool:
        if self.leases.pop(lease.token, None) is None:
            return False
        self._loop.remove_reader(lease.connection.fileno())
        lease.connection.close()
        if lease.pidfd >= 0:
            self._loop.remove_reader(lease.pidfd)
            os.close(lease.pidfd)
        return True


def trainer_alive(lease: Lease) -> bool:
    """Whether the trainer's process still runs, as far as it can be seen."""
    return not lease.pid or processes.start_ticks(lease.pid) is not None

"""The daemon's end of a socket pair to a process of ours; it never waits.  [I/O]"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from workers.messages import MessageReader

RECEIVE_BYTES = 1 << 16


class FramedSocket:
    """One end of a stream socket pair.

    Args:
        connection: taken over.
        on_message: called with each message.
        on_broken: called once when the other side closed, or said what is no message.
    """

    def __init__(
        self,
        connection: socket.socket,
        on_message: Callable[[dict[str, Any]], None],
        on_broken: Callable[[], object],
    ) -> None:
        self._connection = connection
        self._on_message = on_message
        self._on_broken = on_broken
        self._reader = MessageReader()
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        connection.setblocking(False)
        self._loop.add_reader(connection.fileno(), self._receive)

    def send(self, data: bytes) -> None:
        """Send a packed message; one that the other side cannot get any more is dropped."""
        self._unsent += data
        self._flush()

    def drain(self) -> None:
        """Take all that has arrived: what a process said last often says why it ended."""
        while self._connection.fileno() >= 0 and self._receive():
            pass

    def close(self) -> None:
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection.fileno())
            self._loop.remove_writer(self._connection.fileno())
            self._connection.close()

    def _flush(self) -> None:
        if self._connection.fileno() < 0:
            return
        while self._unsent:
            try:
                del self._unsent[: self._connection.send(self._unsent)]
            except BlockingIOError:
                self._loop.add_writer(self._connection.fileno(), self._flush)
                return
            except OSError:
                self._unsent.clear()
        self._loop.remove_writer(self._connection.fileno())

    def _receive(self) -> bool:
        """Take one part; False when nothing is there, or nothing will ever be."""
        try:
            data = self._connection.recv(RECEIVE_BYTES)
            for message in self._reader.feed(data):
                self._on_message(message)
        except BlockingIOError:
            return False
        except (OSError, ValueError, KeyError):
            data = b""
        if not data:
            self._loop.remove_reader(self._connection.fileno())
            self._on_broken()
        return bool(data)

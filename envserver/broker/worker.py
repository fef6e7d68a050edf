"""One worker process: started, configured, listened to, waited for.  [I/O]"""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envserver import processes
from workers import messages

RECEIVE_BYTES = 1 << 16


class WorkerProcess:
    """A worker from its spawn to its end. Its end is seen on a pidfd, never guessed.

    Args:
        on_message: called with each message of the worker (workers/messages.py).
    """

    def __init__(
        self,
        segment_fd: int,
        doorbell_fd: int,
        log: Path,
        owner: str,
        on_message: Callable[[dict[str, Any]], None],
    ) -> None:
        self._on_message = on_message
        self._reader = messages.MessageReader()
        self._unsent = bytearray()
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        inherited = (segment_fd, doorbell_fd, theirs.fileno())
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                processes.python_command(
                    *("-m", "workers", "--segment-fd", str(segment_fd)),
                    *("--doorbell-fd", str(doorbell_fd), "--control-fd", str(theirs.fileno())),
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=processes.python_environment(**{processes.OWNER_VARIABLE: owner}),
                pass_fds=inherited,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control.fileno(), self._receive)
        self._exited = asyncio.ensure_future(self._wait())

    async def wait(self) -> int:
        """Wait for the end; returns the exit status, negative for a signal."""
        return await asyncio.shield(self._exited)

    async def _wait(self) -> int:
        await processes.wait_readable(self._pidfd)
        status = self._process.wait()
        os.close(self._pidfd)
        self._pidfd = -1
        self._drain()
        self._hang_up()
        return status

    def send(self, data: bytes) -> None:
        """Send a packed message; a worker that has ended misses it."""
        self._unsent += data
        self._flush()

    def kill(self) -> None:
        """SIGKILL; `wait` says when it has ended. It works on a stopped process too."""
        if self._pidfd >= 0:
            processes.send_signal(self._pidfd)

    def _flush(self) -> None:
        while self._unsent and self._control.fileno() >= 0:
            try:
                sent = self._control.send(self._unsent)
            except BlockingIOError:
                self._loop.add_writer(self._control.fileno(), self._flush)
                return
            except OSError:
                self._unsent.clear()
                break
            del self._unsent[:sent]
        if self._control.fileno() >= 0:
            self._loop.remove_writer(self._control.fileno())

    def _receive(self) -> bool:
        """Take what has arrived; False when there will be no more, or nothing is there."""
        try:
            data = self._control.recv(RECEIVE_BYTES)
            for message in self._reader.feed(data):
                self._on_message(message)
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            data = b""
            self.kill()  # what it says is no message: it is not a worker any more
        if not data:
            self._loop.remove_reader(self._control.fileno())
        return bool(data)

    def _drain(self) -> None:
        """What a worker said last often says why it ended."""
        while self._control.fileno() >= 0 and self._receive():
            pass

    def _hang_up(self) -> None:
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control.fileno())
            self._loop.remove_writer(self._control.fileno())
            self._control.close()

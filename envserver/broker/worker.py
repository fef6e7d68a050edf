"""One worker process: started, configured, listened to, waited for.  [I/O]"""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.framed import FramedSocket

HANG_UP_S = 1.0
LOG_TITLE = "-- worker of"


class WorkerProcess:
    """A worker from its spawn to its end. Its end is seen on a pidfd, never guessed.

    Args:
        log: gets a first line with `title`, and then what the process prints.
        has_rewarder: whether its remote will have one, as far as is known.
        on_message: called with each message of the worker (workers/messages.py).
        on_end: called when the process has ended.
    """

    def __init__(
        self,
        segment_fd: int,
        doorbell_fd: int,
        log: Path,
        title: str,
        owner: str,
        has_rewarder: bool,
        on_message: Callable[[dict[str, Any]], None],
        on_end: Callable[[], None],
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab", buffering=0) as output:
            output.write(f"{LOG_TITLE} {title}\n".encode())
            self._process = processes.start(
                processes.python_command(
                    *("-m", "workers", str(segment_fd), str(doorbell_fd), str(theirs.fileno())),
                    *(("rewarder",) if has_rewarder else ()),
                ),
                processes.python_environment(**{processes.OWNER_VARIABLE: owner}),
                output,
                (segment_fd, doorbell_fd, theirs.fileno()),
            )
        self.pid = self._process.pid
        self._on_end = on_end
        self._pidfd = os.pidfd_open(self.pid)
        # A worker that hung up is ending, and may say by its status why; one whose words cannot be
        # understood is no worker any more.
        loop = asyncio.get_running_loop()
        self._control = FramedSocket(
            ours, on_message, lambda: loop.call_later(HANG_UP_S, self.kill)
        )
        self._exited = asyncio.ensure_future(self._wait())

    async def wait(self) -> int:
        """Wait for the end; returns the exit status, negative for a signal."""
        return await asyncio.shield(self._exited)

    def send(self, data: bytes) -> None:
        """Send a packed message; a worker that has ended misses it."""
        self._control.send(data)

    def kill(self) -> None:
        """SIGKILL; `wait` says when it has ended. It works on a stopped process too."""
        if self._pidfd >= 0:
            processes.send_signal(self._pidfd)

    async def _wait(self) -> int:
        await processes.wait_readable(self._pidfd)
        status = self._process.wait()
        os.close(self._pidfd)
        self._pidfd = -1
        self._control.drain()
        self._control.close()
        self._on_end()
        return status

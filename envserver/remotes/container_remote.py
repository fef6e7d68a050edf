"""One container, as the broker sees it: its end, its log, what it says about itself.  [I/O]"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.errors import RemoteError
from envserver.remotes.base import Remote, RemoteAddress
from envserver.remotes.engine import Engine

LOG_FILE_BYTES = 32 << 20
"""A container that prints more begins its log anew."""
MAX_LINE_BYTES = 1 << 20
DESCRIBE_MARK = b"envserver-remote describes "


class ContainerRemote(Remote):
    """One container.

    Args:
        stop: removes it.
    """

    def __init__(
        self, name: str, log: Path, stop: Callable[["ContainerRemote"], Coroutine[None, None, None]]
    ) -> None:
        super().__init__(name, RemoteAddress())
        self.container: str | None = None
        self.out_of_memory = False
        self.log_path = log
        self.logs = [log]
        self.log = log
        self.described: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._stop = stop

    async def stop(self) -> None:
        """Remove the container with its volumes."""
        await self._stop(self)

    def has_ended(self, how: str, code: int | None = None) -> None:
        """Note its end.

        Args:
            code: the engine's exit code, above 128 for a signal.
        """
        tail = " | ".join(processes.log_tail(self.log_path, 3))
        cause = f"container {self.name} {how}" + (f" ({tail})" if tail else "")
        self.end(cause, 128 - code if code is not None and code > 128 else code, self.log_path)

    def note(self, text: str) -> None:
        """Write a line into its log."""
        with contextlib.suppress(OSError), self.log_path.open("a") as log:
            log.write(text)

    def describes(self, described: dict[str, Any]) -> None:
        if not self.described.done():
            self.described.set_result(described)

    async def unless_ended(self, work: Coroutine[None, None, None]) -> None:
        """Wait for `work`.

        Raises:
            RemoteError: the container ended before.
        """
        task = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self.wait_ended())
        try:
            await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise RemoteError(ended.result().partition(" (")[0])
            await task
        finally:
            task.cancel()
            ended.cancel()


def how_it_ended(code: int) -> str:
    if code > 128:
        return f"ended by signal {code - 128}"
    return f"ended with status {code}"


@contextlib.contextmanager
def closed_at_end(stream: Any) -> Iterator[Any]:
    """One of docker-py's streams: its own `close` wakes who reads it, and keeps the socket."""
    try:
        yield stream
    finally:
        with contextlib.suppress(Exception):
            stream._response.close()


def copy_log(loop: asyncio.AbstractEventLoop, found: Engine, remote: ContainerRemote) -> None:
    """In a thread: copy what a container prints; find the line that describes it."""
    rest = b""
    with (
        contextlib.suppress(Exception),
        closed_at_end(found.api.logs(remote.container, stream=True)) as stream,
    ):
        descriptor = os.open(remote.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for chunk in stream:
                if os.fstat(descriptor).st_size > LOG_FILE_BYTES:
                    os.ftruncate(descriptor, 0)
                os.write(descriptor, chunk)
                if not remote.described.done():
                    *lines, rest = (rest + chunk)[-MAX_LINE_BYTES:].split(b"\n")
                    for line in lines:
                        if line.startswith(DESCRIBE_MARK):
                            described = json.loads(line.removeprefix(DESCRIBE_MARK))
                            loop.call_soon_threadsafe(remote.describes, described)
        finally:
            os.close(descriptor)

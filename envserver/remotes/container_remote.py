"""One container, as the broker sees it: its end, its log, what it says about itself.  [I/O]"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.remotes.base import Remote, RemoteAddress
from envserver.remotes.engine import Engine

logger = logging.getLogger(__name__)

LOG_FILE_BYTES = 32 << 20
"""A container that prints more begins its log anew."""
MAX_LINE_BYTES = 1 << 20
OF_EVERY_START = (
    *("$ docker run ", "_XSERVTrans", "Xvnc TigerVNC", "Copyright (C)", "See https://www.tiger"),
    *("Underlying X server", "[mi] mieq: warning", "Openbox-Message"),
)
"""How lines begin that are in the log of each desktop that started: they say nothing of an end."""
DESCRIBE_MARK = b"envserver-remote describes "


class ContainerRemote(Remote):
    """One container.

    Args:
        stop: removes it.

    Attributes:
        container: its id; None until it was made.
        stopped: nobody waits for it any more.
    """

    def __init__(
        self, name: str, log: Path, stop: Callable[["ContainerRemote"], Coroutine[None, None, None]]
    ) -> None:
        super().__init__(name, RemoteAddress())
        self.container: str | None = None
        self.stopped = False
        self.out_of_memory = False
        self.log_path = log
        self.logs = [log]
        self.log = log
        self.described: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._stop = stop

    async def stop(self) -> None:
        """Remove the container with its volumes, also one that is being made."""
        self.stopped = True
        await self._stop(self)

    def has_ended(self, how: str, code: int | None = None) -> None:
        """Note its end.

        Args:
            code: the engine's exit code, above 128 for a signal.
        """
        lines = processes.log_tail(self.log_path)
        said = [line for line in lines if line.strip() and not line.startswith(OF_EVERY_START)]
        tail = " | ".join(said[-3:])
        cause = f"container {self.name} {how}" + (f" ({tail})" if tail else "")
        self.end(cause, 128 - code if code is not None and code > 128 else code, self.log_path)

    def note(self, text: str) -> None:
        """Write a line into its log."""
        with contextlib.suppress(OSError), self.log_path.open("a") as log:
            log.write(text)

    def describes(self, described: dict[str, Any]) -> None:
        if not self.described.done():
            self.described.set_result(described)


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
    """In a thread: find the line that describes a container in what it prints, and copy it all.

    A log that cannot be written costs the copy alone.
    """
    rest = b""
    with (
        contextlib.suppress(Exception),  # the engine hung up: its events say so
        closed_at_end(found.api.logs(remote.container, stream=True)) as stream,
        _LogFile(remote.log_path) as log,
    ):
        for chunk in stream:
            if not remote.described.done():
                *lines, rest = (rest + chunk)[-MAX_LINE_BYTES:].split(b"\n")
                for line in lines:
                    if line.startswith(DESCRIBE_MARK):
                        with contextlib.suppress(ValueError):  # some other program's words
                            described = json.loads(line.removeprefix(DESCRIBE_MARK))
                            loop.call_soon_threadsafe(remote.describes, described)
            log.write(chunk)


class _LogFile:
    """A log of limited size; a full disk is said once in the daemon's log, and costs lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._complained = False

    def __enter__(self) -> "_LogFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def write(self, data: bytes) -> None:
        try:
            if self._descriptor < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._descriptor = os.open(self._path, flags, 0o600)
            if os.fstat(self._descriptor).st_size > LOG_FILE_BYTES:
                os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, data)
        except OSError as error:
            if not self._complained:
                logger.warning("lines are missing in %s: %s", self._path, error)
            self._complained = True

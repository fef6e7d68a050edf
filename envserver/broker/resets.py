"""Brings the resets of one environment to its worker, in order, and where asked another remote.

Theory of operation: a reset is a queue entry of the segment; here its seed and options follow. What
comes while no worker is configured is kept for the next one. A reset that wants another remote has
one started, unless a spare is ready, and it and all after it are told once that one is there.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from envserver.broker.in_use import RemoteInUse
from envserver.broker.worker import WorkerProcess
from envserver.errors import EnvServerError
from workers import messages
from workers.entries import Fault

logger = logging.getLogger(__name__)

MAX_RESETS = 64
"""Resets kept for a worker that is not there yet; older ones were followed by others."""


class Resets:
    """The resets of one environment.

    Args:
        end: called with a fault and its cause when no other remote can be started.

    Attributes:
        any: whether there was one.
        asked_at: when the newest came, in time.monotonic() seconds.
        awaits: what it waits for.
    """

    def __init__(self, in_use: RemoteInUse, end: Callable[[Fault, str], None]) -> None:
        self.any = False
        self.asked_at = 0.0
        self.awaits = ""
        self._in_use = in_use
        self._end = end
        self._worker: WorkerProcess | None = None
        self._kept: deque[bytes] = deque(maxlen=MAX_RESETS)
        self._renewing: asyncio.Task[None] | None = None
        self._behind: list[bytes] = []

    def add(self, reset_id: int, fields: dict[str, Any], env_id: str | None, fresh: bool) -> None:
        """Bring the options of a reset to the worker, or keep them for the next one.

        Args:
            fresh: it wants another remote than the one in use.
        """
        self.any = True
        self.asked_at, self.awaits = time.monotonic(), "its worker"
        message = messages.pack(
            "reset",
            id=reset_id,
            seed=fields.get("seed"),
            options=fields.get("options"),
            env_id=fields.get("env_id") or env_id,
        )
        if self._renewing is not None:
            self._behind.append(message)
        elif fresh and self._in_use.take_spare() is None:
            self.awaits = "another remote"
            self._behind.append(message)
            self._renewing = asyncio.create_task(self._renew())
        else:
            if fresh:
                self._tell_remote()
            self._tell(message)

    def go_to(self, worker: WorkerProcess | None) -> None:
        """From now on they go to this worker, which is configured; None: they are kept."""
        self._worker = worker
        while worker is not None and self._kept:
            worker.send(self._kept.popleft())

    async def close(self) -> None:
        """Give up a remote that is being made; returns when it is stopped."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))

    def _tell(self, message: bytes) -> None:
        if self._worker is not None:
            self._worker.send(message)
        else:
            self._kept.append(message)

    def _tell_remote(self) -> None:
        """Let the worker go on with another remote."""
        if self._worker is not None:
            self._worker.send(self._in_use.message())

    async def _renew(self) -> None:
        """Start another remote; resets, whose options the worker waits for, come behind it."""
        try:
            await self._in_use.renew()
            self._tell_remote()
        except Exception as error:
            if not isinstance(error, EnvServerError | OSError):
                logger.exception("no other remote could be started")
            self._end(Fault.REMOTE_DIED, f"no other remote could be started: {error}")
        finally:
            self._renewing = None
            behind, self._behind = self._behind, []
            for message in behind:
                self._tell(message)

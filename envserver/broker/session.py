"""A session in the broker: segment, doorbells, environments, the pool of their remotes.  [I/O]"""

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.addresses import parse_addresses
from envserver.broker.environment import Environment
from envserver.broker.pool import RemotePool
from envserver.broker.turns import Turns
from envserver.errors import RequestFailed
from envserver.spec import SessionSpec
from shm.control import ControlPlane
from shm.doorbell import doorbell
from shm.errors import ShmError
from shm.segment import Segment

logger = logging.getLogger(__name__)


GATHER_S = 0.001
"""For each environment."""
CHECK_S = 0.5
"""How often heartbeats are looked at."""
OVERSLEPT_S = 2.0
"""When the broker itself was stopped for so long, the workers' silence says nothing yet."""


class BrokerSession:
    """All that one `open_session` leased. Made by `open`.

    Args:
        pool: of remotes, which ends with the session if it is not to be kept.
        turns: the daemon's, to start workers.

    Attributes:
        reopened: the remotes had been kept, and are kept again where the opening fails.
    """

    def __init__(
        self,
        name: str,
        lease: str,
        trainer_pid: int,
        spec: SessionSpec,
        directory: Path,
        logs: Path,
        pool: RemotePool,
        turns: Turns,
    ) -> None:
        self.name = name
        self.token = secrets.token_hex(16)
        self.lease = lease
        self.opening = ""
        """The trainer's own word for the request that opened it."""
        self.reopened = False
        self.trainer_pid = trainer_pid
        self.spec = spec
        self.opened_at = time.monotonic()
        self.environments: list[Environment] = []
        self.revision = 0
        self._was_ready = self._has_failed = False
        self._directory = directory
        self._logs = logs
        self._changed = asyncio.Event()
        self._segment: Segment | None = None
        self._plane: ControlPlane | None = None
        self._doorbells: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closed: asyncio.Task[None] | None = None
        self._turns = turns
        self.pool = pool
        pool.say = self._say

    @classmethod
    async def open(
        cls,
        name: str,
        lease: str,
        trainer_pid: int,
        spec: SessionSpec,
        directory: Path,
        logs: Path,
        pool: RemotePool,
        turns: Turns,
    ) -> "BrokerSession":
        """Make the segment and begin to start everything; after a failure the pool is the caller's.

        Raises:
            RequestFailed: there is not enough memory.
            OSError: the disk is full, or there are too few descriptors.
        """
        session = cls(name, lease, trainer_pid, spec, directory, logs, pool, turns)
        try:
            await session._start()
        except BaseException as error:
            await session.close(keep_remotes=True)
            if isinstance(error, ShmError):
                raise RequestFailed(str(error)) from error
            raise
        return session

    async def _start(self) -> None:
        self._directory.mkdir(mode=0o700)
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        spec = self.spec
        segment = self._segment = await asyncio.to_thread(
            Segment.create,
            *(spec.num_envs, *spec.shown.size, spec.shown.channels, spec.slots),
            spec.queue_entries,
        )
        plane = self._plane = ControlPlane(segment.fd)
        logger.info(
            "session %s: segment of %.1f MB (%s)", self.name, segment.nbytes / 1e6, segment.kind
        )
        owner = processes.identity(os.getpid()) or ""
        names = [f"{spec.runtime or spec.source}[{env}]" for env in range(spec.num_envs)]
        if isinstance(spec.remotes, str):
            names = [address.name for address in parse_addresses(spec.remotes)]
        for env in range(spec.num_envs):
            self._doorbells.append(doorbell())
            environment = Environment(
                *(env, spec, self.pool, plane, segment.fd, self._doorbells[env]),
                self._logs / f"worker-{env}.log",
                owner,
                names[env],
                functools.partial(self._turns.ask, self.token),
                self._note_change,
            )
            self.environments.append(environment)
        self._tasks.append(asyncio.create_task(asyncio.to_thread(_prefault, segment)))
        self._tasks.append(asyncio.create_task(self._watch()))

    @property
    def segment_bytes(self) -> int:
        return self._segment.nbytes if self._segment is not None else 0

    @property
    def descriptors(self) -> list[int]:
        """The segment's, then the doorbells."""
        assert self._segment is not None
        return [self._segment.fd, *self._doorbells]

    def environment(self, env: Any) -> Environment:
        """One environment by number.

        Raises:
            ValueError: there is no such number.
        """
        if not isinstance(env, int) or not 0 <= env < len(self.environments):
            raise ValueError(f"env is {env!r}, expected 0 to {len(self.environments) - 1}")
        return self.environments[env]

    async def wait_change(self, revision: int, timeout_s: float) -> None:
        """Wait until something is newer than `revision`, or the time is over.

        While environments start, what comes shortly after is waited for too: a status tells of all.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.revision <= revision:
                    await self._changed.wait()
                async with asyncio.timeout(GATHER_S * len(self.environments)):
                    while not (self._was_ready or self._has_failed):
                        await self._changed.wait()

    def status(self) -> dict[str, Any]:
        """The answer to session_status."""
        failed = [each.failed for each in self.environments if each.failed is not None]
        return {
            "revision": self.revision,
            "ready": sum(each.state == "ready" for each in self.environments),
            "failed": failed[0] if failed else None,
            "names": [each.name for each in self.environments],
            "rewarders": [each.has_rewarder for each in self.environments],
            "describe": next((e.describe for e in self.environments if e.describe), {}),
            "workers": [self._worker_status(each) for each in self.environments],
        }

    def summary(self) -> dict[str, Any]:
        """One session in the answer to status."""
        return {
            "name": self.name,
            "trainer_pid": self.trainer_pid,
            "runtime": self.spec.runtime,
            "env_id": self.spec.env_id,
            "num_envs": self.spec.num_envs,
            "segment_bytes": self.segment_bytes,
            "age_s": time.monotonic() - self.opened_at,
            "ready": sum(each.state == "ready" for each in self.environments),
            "client_id": self.spec.client_id,
            "spares": self.pool.ready_spares,
            "workers": [
                {**self._worker_status(each), **each.statistics()} for each in self.environments
            ],
        }

    async def close(self, *, keep_remotes: bool = False) -> None:
        """End workers, memory and, unless they are kept, remotes; a second call waits."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close(keep_remotes))
        await asyncio.shield(self._closed)

    async def _close(self, keep_remotes: bool) -> None:
        for task in self._tasks:
            task.cancel()
        # Remotes are stopped after the workers, which still release held keys there.
        await asyncio.gather(*(each.close() for each in self.environments), return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not keep_remotes:
            try:
                await self.pool.close()
            except Exception as error:
                logger.error("session %s: remotes did not stop: %r", self.name, error)
        for descriptor in self._doorbells:
            os.close(descriptor)
        self._doorbells.clear()
        if self._plane is not None:
            self._plane.close()
        if self._segment is not None:
            # Who closes it last gives gigabytes back.
            await asyncio.to_thread(self._segment.close)
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
        self._note_change()
        logger.info("session %s closed", self.name)

    async def _watch(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(CHECK_S)
            now = time.monotonic()
            if now - last < OVERSLEPT_S:
                for each in self.environments:
                    each.check_heartbeat(time.monotonic_ns())
            last = now

    @staticmethod
    def _worker_status(each: Environment) -> dict[str, Any]:
        return {
            "env": each.env,
            "name": each.name,
            "command": each.remote.command if each.remote is not None else "",
            "state": each.state,
            "waiting_for": each.waiting_for,
            "generation": each.generation,
            "pid": each.worker.pid if each.worker is not None else None,
            "clock_offset_ns": each.clock_offset_ns,
        }

    def _say(self, env: int, text: str) -> None:
        """Tell the trainer what a remote waits for before it can start."""
        if env < len(self.environments):
            self.environments[env].note_preparing(text)

    def _note_change(self) -> None:
        self.revision += 1
        self._has_failed = any(each.failed is not None for each in self.environments)
        if not self._was_ready and self.environments:
            self._was_ready = all(each.state == "ready" for each in self.environments)
            if self._was_ready and len(self.environments) == self.spec.num_envs:
                # Not before: they would take the processors from those that are waited for.
                self.pool.want_spares(self.spec.spares)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _prefault(segment: Segment) -> None:
    try:
        segment.prefault(threads=min(4, os.cpu_count() or 1))
    except ShmError as error:
        logger.warning("the segment's pages could not be touched ahead: %s", error)

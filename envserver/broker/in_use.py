"""The remote that one environment uses, and those that its worker has not left yet."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from envserver.broker.pool import RemotePool
from envserver.remotes.base import Remote
from envserver.spec import SessionSpec
from workers import messages

WORKER_FIRST_S = 0.05
"""A worker that lost its connection may end so much before its dead remote is noticed."""


class RemoteInUse:
    """One environment's part of a pool.

    Attributes:
        remote: None until the first was taken.
        changed: set when `remote` is another one; each has an event of its own.
    """

    def __init__(self, pool: RemotePool, env: int) -> None:
        self.remote: Remote | None = None
        self.changed = asyncio.Event()
        self._pool = pool
        self._env = env
        self._left: list[Callable[[], None]] = []

    @property
    def describe(self) -> dict[str, Any]:
        return self.remote.describe if self.remote is not None else {}

    async def take(self, env_id: str | None) -> Remote:
        """The remote for a new worker, described as running `env_id`.

        Raises:
            EnvServerError, OSError: it cannot be started, or knows no such environment.
        """
        remote = await self._pool.take(self._env)
        described = remote.describe.get("env_id")
        if described is not None and env_id not in (None, described):
            remote.describe = await self._pool.describe(str(env_id))
        self._use(remote)
        return remote

    def take_spare(self) -> Remote | None:
        """Use a ready spare from now on; None where there is none."""
        spare = self._pool.take_spare(self._env)
        return None if spare is None else self._replace(*spare)

    async def renew(self) -> Remote:
        """Use a remote that is started now.

        Raises:
            EnvServerError, OSError: it cannot be started; the one before stays in use.
        """
        return self._replace(*await self._pool.renew(self._env))

    def leave_others(self) -> None:
        """The worker uses no other remote any more: those are stopped."""
        for leave in self._left:
            leave()
        self._left.clear()

    async def wait_end(
        self, worker: Coroutine[Any, Any, int], is_killed: Callable[[], bool]
    ) -> str | None:
        """Wait until the worker has ended, or the remote that it uses then.

        Args:
            worker: returns when it has ended.
            is_killed: whether its end was ours.

        Returns:
            why the remote ended; None: it did not.
        """
        exited = asyncio.ensure_future(worker)
        try:
            while True:
                assert self.remote is not None
                ended = asyncio.ensure_future(self.remote.wait_ended())
                changed = asyncio.ensure_future(self.changed.wait())
                try:
                    await asyncio.wait(
                        (ended, exited, changed), return_when=asyncio.FIRST_COMPLETED
                    )
                    if exited.done() or not changed.done():
                        if not ended.done() and not is_killed():
                            await asyncio.wait((ended,), timeout=WORKER_FIRST_S)
                        return ended.result() if ended.done() else None
                finally:
                    ended.cancel()
                    changed.cancel()
        finally:
            exited.cancel()

    def worker_config(
        self, spec: SessionSpec, generation: int, env_id: str | None, start_episode: bool
    ) -> messages.WorkerConfig:
        """What a new worker is told, to use it."""
        assert self.remote is not None
        vnc, rewarder = self.remote.address.vnc, self.remote.address.rewarder
        return messages.WorkerConfig(
            env=self._env,
            generation=generation,
            name=self.remote.name,
            source=spec.source,
            vnc_host=vnc.host,
            vnc_port=vnc.port,
            vnc_password=vnc.password,
            rewarder_host=rewarder.host,
            rewarder_port=rewarder.port,
            rewarder_password=rewarder.password,
            env_id=env_id,
            fps=spec.fps,
            clock=spec.clock,
            autoreset=spec.autoreset,
            while_resetting=spec.while_resetting,
            max_episode_steps=spec.max_episode_steps,
            frame_skip=spec.frame_skip,
            max_pool=spec.max_pool,
            step_timeout_s=spec.step_timeout_s,
            screen=spec.shown.screen,
            crop=spec.shown.crop,
            exact=spec.exact,
            start_timeout_s=spec.start_timeout_s,
            reset_timeout_s=spec.reset_timeout_s,
            start_episode=start_episode,
            **spec.vnc_settings,
        )

    def message(self) -> bytes:
        """What tells a worker to use it (workers/messages.py)."""
        assert self.remote is not None
        address = self.remote.address
        return messages.pack(
            "remote",
            name=self.remote.name,
            vnc=address.vnc.to_wire(),
            rewarder=address.rewarder.to_wire(),
        )

    def _replace(self, remote: Remote, leave: Callable[[], None]) -> Remote:
        self._left.append(leave)
        remote.describe = remote.describe or self.describe
        self._use(remote)
        return remote

    def _use(self, remote: Remote) -> None:
        self.remote = remote
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

"""The remotes of a session, and the spares that wait beside them; they may outlive the session.

Theory of operation: a provider knows *places*, one a remote; an environment's place changes when a
spare takes over. Who needs another remote gets a ready spare at once, or waits for a boot at a new
place. Each place that is left behind is emptied and, while spares are missing, booted again, in
tasks of the pool; a spare that cannot be booted is tried again with growing pauses. One counts as
ready when its first episode runs (envserver/broker/warm.py).
"""

import asyncio
import contextlib
import functools
import logging
import shutil
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from envserver.broker.warm import wait_running
from envserver.errors import EnvServerError
from envserver.remotes import create_provider
from envserver.remotes.base import Remote, RemoteProvider
from envserver.remotes.choice import Choice
from envserver.spec import SessionSpec

logger = logging.getLogger(__name__)

LEAVE_S = 0.5
"""The reset that took a spare comes first: stopping and booting take processors from it."""
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 30.0

Say = Callable[[int, str], None]


class Spare(NamedTuple):
    """A remote that waits to take over."""

    remote: Remote
    boot: "asyncio.Task[Any]"
    """What started it, and would replace it if it ended."""


class RemotePool:
    """What one provider started.

    Args:
        spec: of the session that it is made for.
        directory: the pool's own, for its user alone; it goes with the pool.
        logs: where programs' output goes.
        choice: what makes the remotes.
        labels: what containers are marked with, as in `create_provider`.

    Attributes:
        say: called with an environment and what is done for its remote.
        notice: one line for the trainer about what was chosen, or "".
    """

    def __init__(
        self,
        spec: SessionSpec,
        directory: Path,
        logs: Path,
        choice: Choice,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self.notice = choice.notice
        self.say: Say = lambda env, text: None
        self._directory = directory
        directory.mkdir(mode=0o700)
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._provider: RemoteProvider = create_provider(
            spec, directory, logs, self._say_place, containers=choice.containers, labels=labels
        )
        self._wanted_spares = 0
        self._places = {env: env for env in range(spec.num_envs)}
        self._remotes: dict[int, Remote] = {}
        self._starting = {env: asyncio.Lock() for env in range(spec.num_envs)}
        self._spares: dict[int, Spare] = {}
        self._places_made = spec.num_envs
        self._free: list[int] = []
        self._booting: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def ready_spares(self) -> int:
        """How many spares could take over now."""
        return sum(spare.remote.alive for spare in self._spares.values())

    @property
    def alive(self) -> int:
        """How many environments have a remote that runs."""
        return sum(remote.alive for remote in self._remotes.values())

    def want_spares(self, count: int) -> None:
        """Keep so many spares from now on; what is too many is not stopped."""
        self._wanted_spares = count
        self._fill()

    async def take(self, env: int) -> Remote:
        """The environment's remote: the one it has, a spare, or one that is started now.

        Raises:
            EnvServerError, OSError: it cannot be started.
        """
        async with self._starting[env]:
            remote = self._remotes.get(env)
            if remote is not None and remote.alive:
                return remote
            new, leave = await self._renew(env)
            leave()
            return new

    async def renew(self, env: int) -> tuple[Remote, Callable[[], None]]:
        """Another remote for the environment: a ready spare, else a new one.

        Returns:
            the remote, and what to call when the one before is no longer used.

        Raises:
            EnvServerError, OSError: none could be started; the environment keeps what it has.
        """
        async with self._starting[env]:
            return await self._renew(env)

    async def _renew(self, env: int) -> tuple[Remote, Callable[[], None]]:
        spare = self.take_spare(env)
        if spare is not None:
            return spare
        before, place = self._remotes.get(env), self._places[env]
        if before is not None and before.alive:
            place = self._new_place()
            self._places[env], left = place, self._places[env]
            try:
                remote = await self._provider.start(place)
            except BaseException:
                self._places[env] = left
                self._free.append(place)
                raise
            self._remotes[env] = remote
            return remote, functools.partial(self._leave, left, before)
        if before is not None:
            await before.stop()
        self._remotes[env] = await self._provider.start(place)
        return self._remotes[env], lambda: None

    def take_spare(self, env: int) -> tuple[Remote, Callable[[], None]] | None:
        """As `renew`, at once; None where no spare is ready."""
        for place, (remote, boot) in list(self._spares.items()):
            del self._spares[place]
            boot.cancel()  # it waits for the end of a spare that is none any more
            if not remote.alive:
                self._leave(place, remote)
                continue
            left, before = self._places[env], self._remotes.get(env)
            self._places[env], self._remotes[env] = place, remote
            return remote, functools.partial(self._leave, left, before)
        return None

    async def describe(self, env_id: str) -> dict[str, Any]:
        """What the runtime says about another of its environments; {} where it says nothing.

        Raises:
            EnvServerError: there is no such environment.
        """
        describe = getattr(self._provider, "describe", None)
        if describe is None:
            return {}
        found: dict[str, Any] = await describe(env_id)
        return found

    async def close(self) -> None:
        """Stop everything."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._provider.close()
        finally:
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    def _leave(self, place: int, remote: Remote | None) -> None:
        """Nobody uses the remote of a place any more."""
        self._start(self._empty(place, remote))

    async def _empty(self, place: int, remote: Remote | None) -> None:
        await asyncio.sleep(LEAVE_S)
        if remote is not None:
            await remote.stop()
        self._free.append(place)
        self._fill()

    def _fill(self) -> None:
        while not self._closing and len(self._spares) + len(self._booting) < self._wanted_spares:
            place = self._new_place()
            self._booting.add(place)
            self._start(self._boot(place))

    async def _boot(self, place: int) -> None:
        """Start a spare, and another when it ends before it was needed."""
        pause_s = RETRY_FIRST_S
        try:
            while True:
                try:
                    remote = await self._provider.start(place)
                    await wait_running(remote)
                    break
                except (EnvServerError, OSError) as error:
                    logger.warning("a spare did not start: %s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_MOST_S)
        finally:
            self._booting.discard(place)
        boot = asyncio.current_task()
        assert boot is not None
        self._spares[place] = Spare(remote, boot)
        logger.info("%s is a spare", remote.name)
        cause = await remote.wait_ended()
        del self._spares[place]
        logger.warning("the spare %s ended: %s", remote.name, cause)
        self._leave(place, remote)

    def _new_place(self) -> int:
        if self._free:
            return self._free.pop(0)
        self._places_made += 1
        return self._places_made - 1

    def _say_place(self, place: int, text: str) -> None:
        for env, its in self._places.items():
            if its == place:
                self.say(env, text)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await work
            except Exception:  # one remote's trouble must not end the others
                logger.exception("a remote was not stopped or started")

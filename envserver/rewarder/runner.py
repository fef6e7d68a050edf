"""Runs one task: its episodes, its ticks, and what its clients are told.

Theory of operation. The task's methods run in a thread of their own (`TaskThread`), under one lock:
a tick, a reset that a client asked for and one that follows an end never overlap. The event loop
meanwhile serves clients. Ticks come at the task's fps and whenever it is woken, as long as a client
is connected and the episode runs; time that passes without a client does not count for its limit.

A tick that finds its desktop broken (`DesktopError`) truncates the episode, and says the reason.
An end is told as `reward` (done) -> `describe` resetting k+1 -> `describe` running k+1. What a task
says in its reset goes out before "running", so that it is there with the first picture.

A desktop that cannot be cleared fails the task: another reset would not help. A task that cannot be
set up in the place of another is refused, and the next reset sets up the one that it asks for.
"""

import asyncio
import contextlib
import dataclasses
import logging
import math
import random
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from envserver.rewarder.desktop import Desktop
from envserver.rewarder.errors import DesktopError, TaskError, TaskStuck
from envserver.rewarder.inotify import DirectoryWatch
from envserver.rewarder.loading import Switch, find_switch, load_task
from envserver.rewarder.server import ResetRefused, RewarderServer
from envserver.rewarder.task import Outcome, Task
from envserver.rewarder.thread import TaskThread
from workers import rewarder_messages as messages

logger = logging.getLogger(__name__)

SEED_BITS = 31
CLOSE_TIMEOUT_S = 1.0
MIN_TICK_S = 0.004
MOST_TEXTS = 100  # that a tick or a reset may say: more would drown client and host


class TaskRunner:
    """A task and its rewarder.

    Args:
        task: "module:Class" or "file.py:Class".
        env_id: what clients are told that runs; None: nothing in particular.
        time_limit_s: takes the place of the task's own; None: that one counts.

    Attributes:
        server: not listening yet.
        failed: done with a message when the task cannot go on; clients were told.

    Raises:
        TaskError: there is no such task.
    """

    def __init__(
        self,
        task: str,
        env_id: str | None,
        password: str,
        desktop: Desktop,
        time_limit_s: float | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[str] = self._loop.create_future()
        self._desktop = desktop
        self._own_limit_s = time_limit_s
        self._thread = TaskThread()
        self._random = random.Random()
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()
        self._watched: set[int] = set()
        self._watches: dict[Path, DirectoryWatch] = {}
        """Of the task's thread, and of the event loop while nothing runs there."""
        self._elapsed_s = self._counted_s = 0.0
        self._is_watched = False
        self._has_looked = False
        """A tick of this episode went well."""
        self._is_untouched = False
        """The first episode began while only observers were there, and nothing happened in it."""
        self._texts: list[str] = []
        self._said = 0
        self._first_info: dict[str, Any] = {}
        self._task = self._make(load_task(task))
        self._is_set_up = True
        """Not between a task that was closed and one that could be set up."""
        self.server = RewarderServer(
            env_id=env_id,
            fps=self._task.fps,
            on_reset=self._requested_reset,
            password=password,
            on_clients=self._count_clients,
        )

    async def set_up(self) -> None:
        """Set the task up; to be done before the server listens.

        Raises:
            TaskError: it failed.
        """
        await self._call("setup", self._task.reset_timeout_s, self._task.setup)

    async def run(self) -> None:
        """Begin the first episode, and tick until the task fails.

        A first episode that cannot begin is no failure: the client that asks for one is told.
        """
        async with self._lock:
            with contextlib.suppress(TaskError):  # logged already
                await self._next_episode(self.server.episode + 1, None, {})
                # A client that acts heard it all; one that only looks has no part in it.
                self._is_untouched = all(each.is_observer for each in self.server.clients)
        try:
            while True:
                await self._wait_tick()
                async with self._lock:
                    await self._tick()
        except TaskError as error:
            self._fail(str(error))

    async def close(self) -> None:
        """Stop listening, and wait a little for what the task does."""
        await self.server.close()
        if await asyncio.to_thread(self._thread.close, CLOSE_TIMEOUT_S):
            self._forget_all()

    # What the task asks for, from its thread.

    def say(self, text: str) -> None:
        self._said += 1
        if self._said <= MOST_TEXTS:
            self._loop.call_soon_threadsafe(self._tell, str(text))

    def _tell(self, text: str) -> None:
        if len(self._texts) < MOST_TEXTS:
            self._texts.append(text)
        self.server.text(text)

    def _tell_left_out(self) -> None:
        more, self._said = self._said - MOST_TEXTS, 0
        if more > 0:
            self._tell(f"{more} more texts were left out: a tick may say {MOST_TEXTS}")

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._woken.set)

    def watch(self, descriptor: int, read: Callable[[], object] | None) -> None:
        def readable() -> None:
            if read is None:
                self._forget(descriptor)
            else:
                read()
            self._woken.set()

        def begin() -> None:
            self._watched.add(descriptor)
            self._loop.add_reader(descriptor, readable)

        self._loop.call_soon_threadsafe(begin)

    def watch_directory(self, directory: Path) -> None:
        if directory in self._watches:
            self._watches[directory].renew()
            return
        watch = self._watches[directory] = DirectoryWatch(directory)
        self.watch(watch.fileno(), watch.read)

    # Ticks.

    def _count_clients(self) -> None:
        watched = bool(self.server.clients)
        if watched and not self._is_watched:
            self._counted_s = monotonic()
        self._is_watched = watched
        self._woken.set()

    async def _wait_tick(self) -> None:
        """Until the next tick is due or the task is woken; while nobody watches, for ever."""
        await asyncio.sleep(MIN_TICK_S)  # whatever wakes it, others get their turn
        while True:
            watched = self._is_watched and self.server.env_state == messages.RUNNING
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1 / self._task.fps if watched else None):
                    await self._woken.wait()
            self._woken.clear()
            now_s = monotonic()
            if watched:
                self._elapsed_s += now_s - self._counted_s
            self._counted_s = now_s
            if watched:
                return

    async def _tick(self) -> None:
        task, server = self._task, self.server
        if server.env_state != messages.RUNNING:
            return
        outcome = await self._look()
        self._tell_left_out()
        over = outcome.done or bool(await self._call("done", task.tick_timeout_s, task.done))
        info = dict(outcome.info)
        limit_s = task.time_limit_s if self._own_limit_s is None else self._own_limit_s
        if not over and limit_s is not None and self._elapsed_s >= limit_s:
            over = True
            info["truncated"] = True
        await self._call("reap", task.tick_timeout_s, self._desktop.reap)
        if outcome.reward or over or info:
            self._is_untouched = False
            self._reward(outcome.reward, done=over, info=info)
        if over:
            await self._next_episode(server.episode + 1, None, {})

    async def _look(self) -> Outcome:
        """What a tick found: the episode's end where the desktop is not what the task expects.

        Raises:
            TaskError: the task failed, or was let down by the desktop at its first look.
        """
        task = self._task
        try:
            outcome = _checked(await self._call("tick", task.tick_timeout_s, task.tick))
        except TaskError as error:
            if not self._has_looked or not isinstance(error.__cause__, DesktopError):
                raise
            return Outcome(done=True, info={"truncated": True, "reason": str(error.__cause__)})
        self._has_looked = True
        return outcome

    def _reward(self, reward: float, *, done: bool, info: dict[str, Any]) -> None:
        try:
            self.server.reward(reward, done=done, info=info)
        except ValueError as error:
            raise TaskError(f"{self._name}: its info cannot be sent: {error}") from error

    # Episodes.

    async def _requested_reset(self, message: messages.Message) -> dict[str, Any]:
        body = message.body
        async with self._lock:
            if self.failed.done():
                raise ResetRefused(self.failed.result())
            untouched, self._is_untouched = self._is_untouched, False
            asked = body.get("seed") is not None or bool(body.get("options"))
            if untouched and not asked and body.get("env_id") in (None, self.server.env_id):
                self._hand_over()
                return {}
            try:
                await self._switch_to(body.get("env_id"))
                episode = max(message.episode, self.server.episode) + 1
                await self._next_episode(episode, body.get("seed"), body.get("options") or {})
            except TaskError as error:
                raise ResetRefused(str(error)) from error
        return {}

    def _hand_over(self) -> None:
        """Give the first episode to the client that asks for any: a new remote is ready at once."""
        for text in self._texts:
            self.server.text(text)
        if self._first_info:
            self._reward(0.0, done=False, info=self._first_info)
        self._elapsed_s, self._counted_s = 0.0, monotonic()
        self.server.describe(messages.RUNNING, self.server.episode)

    async def _next_episode(self, episode: int, seed: int | None, options: dict[str, Any]) -> None:
        task = self._task
        self.server.describe(messages.RESETTING, episode)
        self._texts.clear()
        self._has_looked = False
        if seed is None:
            seed = self._random.getrandbits(SEED_BITS)
        self._random.seed(seed)
        await self._clear()
        info = await self._call("reset", task.reset_timeout_s, task.reset, seed, options)
        self._tell_left_out()
        if info is not None and not isinstance(info, dict):
            raise TaskError(f"{self._name}: reset returned {info!r:.80}, expected a dict or None")
        self._first_info = info or {}
        if info:
            self._reward(0.0, done=False, info=info)
        self._elapsed_s, self._counted_s = 0.0, monotonic()
        self.server.describe(messages.RUNNING, episode)
        self._woken.set()

    async def _clear(self) -> None:
        """Empty the desktop between two episodes; what cannot be emptied is not used again."""
        try:
            limit_s = self._task.reset_timeout_s
            await self._call("clearing the desktop", limit_s, self._desktop.clear)
        except TaskError as error:
            self._fail(str(error))
            raise
        for watch in self._watches.values():
            with contextlib.suppress(DesktopError):  # what was in the home is gone
                watch.renew()

    async def _switch_to(self, env_id: str | None) -> None:
        """Run another environment's task.

        Raises:
            TaskError: there is none in this runtime, it needs another screen, or it cannot be set
                up. Only in the last case has something changed: the next reset sets a task up.
        """
        server, old = self.server, self._task
        if env_id is not None and env_id != server.env_id:
            found = await self._find(env_id)
            new, limit_s = self._make(load_task(found.task)), found.time_limit_s
        elif not self._is_set_up:
            env_id, new, limit_s = server.env_id, self._make(type(old)), self._own_limit_s
        else:
            return
        was_set_up, self._is_set_up = self._is_set_up, False
        try:
            if was_set_up:
                await self._call("close", old.tick_timeout_s, old.close)
            self._forget_all()
            await self._clear()
            self._task = new
            await self._call("setup", new.reset_timeout_s, new.setup)
        except TaskError:
            self._task = old
            server.describe(messages.RESETTING, server.episode + 1)
            raise
        self._is_set_up, self._own_limit_s = True, limit_s
        server.env_id, server.fps = env_id, new.fps

    async def _find(self, env_id: str) -> Switch:
        found = find_switch(env_id, self.server.env_id)
        if found.screen is not None:
            limit_s = self._task.tick_timeout_s
            size = await self._call("screen", limit_s, self._desktop.size)
            if size != tuple(found.screen):
                raise TaskError(
                    f"{env_id} needs a screen of {found.screen[0]}x{found.screen[1]}, this desktop "
                    f"has {size[0]}x{size[1]}: start another remote for it"
                )
        return found

    def _make(self, made: type[Task]) -> Task:
        try:
            task = made()
        except Exception as error:
            logger.exception("%s cannot be made", made.__name__)
            raise TaskError(f"{made.__name__}(): {type(error).__name__}: {error}") from error
        if not isinstance(fps := _number(task.fps), int | float) or not 0 < fps <= 1000:
            raise TaskError(f"{made.__name__}: fps is {task.fps!r}, expected more than 0, to 1000")
        task.desktop, task._host = self._desktop, self
        return task

    @property
    def _name(self) -> str:
        return type(self._task).__name__

    async def _call(
        self, what: str, timeout_s: float, function: Callable[..., Any], *a: Any
    ) -> Any:
        try:
            return await self._thread.call(f"{self._name}: {what}", timeout_s, function, *a)
        except TaskStuck as error:
            self._fail(str(error))  # no later call would run
            raise

    def _forget(self, descriptor: int) -> None:
        self._watched.discard(descriptor)
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(descriptor)

    def _forget_all(self) -> None:
        for descriptor in list(self._watched):
            self._forget(descriptor)
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()

    def _fail(self, message: str) -> None:
        if not self.failed.done():
            self.failed.set_result(message)


def _checked(found: Any) -> Outcome:
    """What a tick returned, as an Outcome.

    Raises:
        TaskError: it is none, its reward is no finite number, or its end no truth value.
    """
    outcome = found if isinstance(found, Outcome) else Outcome(0.0 if found is None else found)
    reward, done = _number(outcome.reward), _number(outcome.done)
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not math.isfinite(reward):
        raise TaskError(f"tick returned {found!r:.80}, expected a finite number, Outcome or None")
    if not isinstance(done, int):
        raise TaskError(f"tick returned {found!r:.80}, expected done to be True or False")
    return dataclasses.replace(outcome, reward=float(reward), done=bool(done))


def _number(value: Any) -> Any:
    """Python's number where NumPy's was given, which this process need not import."""
    return value.tolist() if hasattr(value, "tolist") else value

"""The thread in which a task's methods run, one after the other."""

import asyncio
import contextlib
import logging
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from envserver.rewarder.errors import TaskError, TaskStuck

logger = logging.getLogger(__name__)

T = TypeVar("T")


class TaskThread:
    """Runs calls for an event loop; a call that does not come back is given up, with the thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="task", daemon=True)
        self._thread.start()

    async def call(self, what: str, timeout_s: float, function: Callable[..., T], *args: Any) -> T:
        """Run `function(*args)` and return what it returns.

        Raises:
            TaskError: it raised, which was logged with its traceback; what it raised is the cause.
            TaskStuck: it took longer.
        """
        result: asyncio.Future[T] = self._loop.create_future()

        def run() -> None:
            try:
                value = function(*args)
            except BaseException as error:
                logger.exception("%s failed", what)
                told = TaskError(f"{what}: {type(error).__name__}: {error}")
                told.__cause__ = error
                self._loop.call_soon_threadsafe(_settle, result, None, told)
            else:
                self._loop.call_soon_threadsafe(_settle, result, value, None)

        self._calls.put(run)
        try:
            async with asyncio.timeout(timeout_s):
                return await result
        except TimeoutError as error:
            frame = sys._current_frames().get(self._thread.ident or 0)
            where = "".join(traceback.format_stack(frame)) if frame is not None else ""
            logger.error("%s did not return within %g s; it is here:\n%s", what, timeout_s, where)
            raise TaskStuck(f"{what}: did not return within {timeout_s:g} s") from error

    def close(self, timeout_s: float) -> bool:
        """End the thread after the call that runs; False when that does not return in time."""
        self._calls.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            # The loop is closed when a call was given up and came back after all.
            with contextlib.suppress(RuntimeError):
                call()


def _settle(result: asyncio.Future[Any], value: Any, error: TaskError | None) -> None:
    if result.done():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(value)

"""The same desktop, awaited: `envserver.desktop_async(...)`.

Theory of operation: one thread a desktop makes all of its calls, one after the other. One whose
awaiting task is cancelled is not begun, or, if it waits, ends there within some 0.2 s; a gesture is
done to its end. `close` does not come behind: another thread makes it, which ends a call at once.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from envserver.agent_desktop import Desktop, Keys
from envserver.codecs.events import Event

P = ParamSpec("P")
T = TypeVar("T")


def desktop_async(
    name: str | None = None, *, seed: int | None = None, **options: Any
) -> "AsyncDesktop":
    """As `envserver.desktop`; `async with` starts it, and gives it back at the end."""
    return AsyncDesktop(name, seed=seed, **options)


class AsyncDesktop:
    """A `Desktop` whose calls are awaited; see there what they do."""

    def __init__(self, name: str | None = None, *, seed: int | None = None, **options: Any) -> None:
        self._asked = {"name": name, "seed": seed, **options}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desktop")
        self._desktop: Desktop | None = None
        self._started = self._closed = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the desktop; `async with` does.

        Raises:
            ValueError, StartError: as `envserver.desktop`.
            RuntimeError: it was started, or closed, before; or is closed meanwhile.
        """
        if self._closed:
            raise RuntimeError("the desktop is closed: make another")
        if self._started:
            raise RuntimeError("the desktop is started already")
        self._started = True
        started = self._thread.submit(lambda: Desktop(**self._asked))
        try:
            desktop = await asyncio.wrap_future(started)
        except BaseException:  # also when nobody waits for it any more
            self._closed = True
            self._thread.shutdown(wait=False)
            started.add_done_callback(_close_started)
            raise
        if self._closed:
            await asyncio.to_thread(desktop.close)
            raise RuntimeError("the desktop was closed before it had started")
        self._desktop = desktop

    async def close(self) -> None:
        """Give the desktop back; a second call does nothing.

        Calls that are still awaited raise `ClosedEnvironmentError`.
        """
        self._closed = True
        self._thread.shutdown(wait=False)
        desktop, self._desktop = self._desktop, None
        if desktop is not None:
            await asyncio.to_thread(desktop.close)

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """`Desktop.reset`."""
        await self._run(self.now.reset, seed=seed, options=options)

    @property
    def now(self) -> Desktop:
        """The desktop itself, for what needs no waiting.

        Raises:
            RuntimeError: it is not started, or closed.
        """
        if self._desktop is None:
            raise RuntimeError(
                "the desktop is not open: use `async with envserver.desktop_async()`"
            )
        return self._desktop

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the screen."""
        return self.now.size

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Where the pointer was put last."""
        return self.now.cursor

    @property
    def goal(self) -> str:
        """What the task wants."""
        return self.now.goal

    @property
    def reward(self) -> float:
        """The sum of the rewards since the last reset."""
        return self.now.reward

    @property
    def done(self) -> bool:
        """Whether the episode has ended."""
        return self.now.done

    @property
    def info(self) -> dict[str, Any]:
        """What was said beside the newest picture."""
        return self.now.info

    async def screenshot(
        self, region: Sequence[int] | None = None, *, cursor: bool = False
    ) -> NDArray[np.uint8]:
        """`Desktop.screenshot`."""
        return await self._run(self.now.screenshot, region, cursor=cursor)

    async def screenshot_png(
        self, region: Sequence[int] | None = None, *, cursor: bool = False
    ) -> bytes:
        """`Desktop.screenshot_png`."""
        return await self._run(self.now.screenshot_png, region, cursor=cursor)

    async def screenshot_jpeg(
        self, region: Sequence[int] | None = None, quality: int = 85, *, cursor: bool = False
    ) -> bytes:
        """`Desktop.screenshot_jpeg`."""
        return await self._run(self.now.screenshot_jpeg, region, quality, cursor=cursor)

    async def wait_change(
        self, max_ms: float = 5000.0, region: Sequence[int] | None = None
    ) -> bool:
        """`Desktop.wait_change`."""
        return await self._run(self.now.wait_change, max_ms, region)

    async def wait_stable(
        self,
        quiet_ms: float = 100.0,
        max_ms: float = 5000.0,
        region: Sequence[int] | None = None,
        answer_ms: float = 300.0,
    ) -> bool:
        """`Desktop.wait_stable`."""
        return await self._run(self.now.wait_stable, quiet_ms, max_ms, region, answer_ms)

    async def wait(self, ms: float) -> None:
        """`Desktop.wait`."""
        await self._run(self.now.wait, ms)

    async def clipboard(self) -> str:
        """`Desktop.clipboard`."""
        return await self._run(self.now.clipboard)

    async def wait_clipboard(self, max_ms: float = 5000.0) -> str | None:
        """`Desktop.wait_clipboard`."""
        return await self._run(self.now.wait_clipboard, max_ms)

    async def set_clipboard(self, text: str) -> None:
        """`Desktop.set_clipboard`."""
        await self._run(self.now.set_clipboard, text)

    async def move(self, x: int, y: int) -> None:
        """`Desktop.move`."""
        await self._run(self.now.move, x, y)

    async def click(
        self,
        x: int | None = None,
        y: int | None = None,
        button: str = "left",
        count: int = 1,
        keys: Keys | None = None,
    ) -> None:
        """`Desktop.click`."""
        await self._run(self.now.click, x, y, button, count, keys)

    async def drag(
        self,
        x: int,
        y: int,
        to_x: int,
        to_y: int,
        button: str = "left",
        ms: float = 200.0,
        keys: Keys | None = None,
    ) -> None:
        """`Desktop.drag`."""
        await self._run(self.now.drag, x, y, to_x, to_y, button, ms, keys)

    async def scroll(
        self,
        x: int | None = None,
        y: int | None = None,
        dx: int = 0,
        dy: int = 0,
        keys: Keys | None = None,
    ) -> None:
        """`Desktop.scroll`."""
        await self._run(self.now.scroll, x, y, dx, dy, keys)

    async def mouse_down(self, button: str = "left") -> None:
        """`Desktop.mouse_down`."""
        await self._run(self.now.mouse_down, button)

    async def mouse_up(self, button: str = "left") -> None:
        """`Desktop.mouse_up`."""
        await self._run(self.now.mouse_up, button)

    async def press(self, keys: Keys, count: int = 1) -> None:
        """`Desktop.press`."""
        await self._run(self.now.press, keys, count)

    async def hold(self, keys: Keys, ms: float) -> None:
        """`Desktop.hold`."""
        await self._run(self.now.hold, keys, ms)

    async def key_down(self, keys: Keys) -> None:
        """`Desktop.key_down`."""
        await self._run(self.now.key_down, keys)

    async def key_up(self, keys: Keys) -> None:
        """`Desktop.key_up`."""
        await self._run(self.now.key_up, keys)

    async def type(self, text: str) -> None:
        """`Desktop.type`."""
        await self._run(self.now.type, text)

    async def do(self, events: Sequence[Event], size: tuple[int, int] | None = None) -> None:
        """`Desktop.do`."""
        await self._run(self.now.do, events, size)

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        desktop, gone = self.now, threading.Event()

        def made() -> T:
            with desktop.given_up_by(gone):
                return call(*args, **kwargs)

        try:
            return await asyncio.wrap_future(self._thread.submit(made))
        except asyncio.CancelledError:
            gone.set()
            raise


def _close_started(started: "Future[Desktop]") -> None:
    """Give back a desktop that nobody took."""
    if not started.cancelled() and started.exception() is None:
        started.result().close()

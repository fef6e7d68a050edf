"""A desk with a picture and keys behind the real RFB server, and viewers that speak to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference.small_viewer import SmallViewer

from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.server import RfbServer

TIMEOUT_S = 10
SIZE = (203, 117)


def frame(seed: int, colours: int = 4, height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    palette = random.integers(0, 256, (colours, 3), np.uint8)
    return palette[random.integers(0, colours, (height, width))]


def noise(seed: int, height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def canvas_rgb(canvas: Canvas) -> NDArray[np.uint8]:
    return canvas.pixels.view(np.uint8).reshape(canvas.height, canvas.width, 4)[:, :, 2::-1]


class Desk:
    """A canvas behind a server, and what its viewers pressed."""

    def __init__(self, **server: Any) -> None:
        self.canvas = Canvas(SIZE, (30, 40, 3))
        self.keys: list[tuple[int, bool]] = []
        self.pressed = asyncio.Event()
        self.left = asyncio.Event()
        self.server = RfbServer(
            self.canvas, "desk", on_key=self.on_key, on_viewers=self.on_viewers, **server
        )
        self.port = 0
        self._viewers: list[SmallViewer] = []

    async def open(self) -> SmallViewer:
        """A viewer that has not said anything."""
        viewer = SmallViewer(*await asyncio.open_connection("127.0.0.1", self.port))
        self._viewers.append(viewer)
        return viewer

    async def connect(
        self, *, version: str = "003.008", password: str | None = None
    ) -> SmallViewer:
        viewer = await self.open()
        await viewer.handshake(version, password)
        return viewer

    async def close(self) -> None:
        for viewer in self._viewers:
            await viewer.close()
        self.server.close()

    def on_key(self, keysym: int, down: bool) -> None:
        self.keys.append((keysym, down))
        self.pressed.set()

    def on_viewers(self) -> None:
        if not self.server.viewers:
            self.left.set()

    def show(self, picture: NDArray[np.uint8], text: str = "") -> None:
        self.server.damage(self.canvas.show(picture, text))


@contextlib.asynccontextmanager
async def desk(**server: Any) -> AsyncIterator[Desk]:
    made = Desk(**server)
    made.show(frame(0), "first")
    made.port = await made.server.start()
    try:
        yield made
    finally:
        await made.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))

"""The RFB server of one desktop: a listening socket and its viewers.  [I/O]"""

import asyncio
from collections.abc import Callable

from envserver.runtimes.gym_core import rfb
from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.misbehave import Misbehaviour
from envserver.runtimes.gym_core.viewer import Viewer

OnKey = Callable[[int, bool], None]
OnFence = Callable[[Viewer, rfb.Fence], bool]


class RfbServer:
    """Shows a canvas to any number of viewers, and takes keys from each.

    Args:
        canvas: The desktop's picture.
        name: Of the desktop.
        on_key: Called with keysym and down; a viewer that leaves releases what it holds.
        on_fence: May answer a viewer's Fence request itself, and then returns True.
        on_viewers: Called when a viewer came or left.
        password: For VncAuth; None lets everyone in.
        version: The newest RFB version that is offered: "3.3", "3.7" or "3.8".
        misbehaviour: Faults on command.
    """

    def __init__(
        self,
        canvas: Canvas,
        name: str,
        *,
        on_key: OnKey,
        on_fence: OnFence = lambda viewer, asked: False,
        on_viewers: Callable[[], None] = lambda: None,
        password: str | None = None,
        version: str = "3.8",
        misbehaviour: Misbehaviour | None = None,
    ) -> None:
        if version not in rfb.VERSIONS:
            raise ValueError(f"rfb_version is {version!r}, expected one of {list(rfb.VERSIONS)}")
        self.viewers: set[Viewer] = set()
        self.misbehaviour = misbehaviour if misbehaviour is not None else Misbehaviour()
        self._canvas = canvas
        self._name = name
        self._on_key = on_key
        self._on_fence = on_fence
        self._on_viewers = on_viewers
        self._password = password
        self._version = version
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def damage(self, rects: list[Rect]) -> None:
        """Tell every viewer what changed on the canvas."""
        if rects:
            for viewer in self.viewers:
                viewer.add_damage(rects)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for viewer in list(self.viewers):
            viewer.close()

    def key(self, keysym: int, down: bool) -> None:
        self._on_key(keysym, down)

    def fence(self, viewer: Viewer, asked: rfb.Fence) -> bool:
        return self._on_fence(viewer, asked)

    def gone(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)
        self._on_viewers()

    def _accept(self) -> Viewer:
        viewer = Viewer(self._canvas, self, self.misbehaviour, self._session)
        self.viewers.add(viewer)
        self._on_viewers()
        return viewer

    def _session(self) -> rfb.RfbSession:
        return rfb.RfbSession(
            self._canvas.width,
            self._canvas.height,
            self._name,
            password=self._password,
            version=self._version,
            refuse=self.misbehaviour.vnc == "refuse",
        )

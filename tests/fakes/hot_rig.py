"""A hot thread over a real segment, with the test as its trainer, broker and VNC server."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cython_vnc.encodings import encodings_for
from cython_vnc.protocol import RFBProtocol
from shm.layout import ENTRY_DTYPE
from shm.ring import Ring
from shm.segment import Segment
from shm.view import Mapping
from workers.entries import Due, EntryKind
from workers.hot import HotLoop
from workers.mail import Letter
from workers.messages import WorkerConfig
from workers.rfb_source import RFBSource
from workers.source import ScreenSource

WAIT_S = 5.0
Picture = NDArray[np.uint8]


class Screen:
    """The server's end of one connection: what it shows is `pixels`, what it hears `heard`."""

    def __init__(self, width: int, height: int, *, fences: bool = False) -> None:
        self.server, self.client = socket.socketpair()
        self.client.setblocking(False)
        self.server.settimeout(WAIT_S)
        self.pixels: Picture = np.zeros((height, width, 3), np.uint8)
        self.protocol = RFBProtocol(width, height)
        self.protocol.start(encodings_for("raw"))
        if fences:
            self.server.sendall(struct.pack("!B3xIB", 248, 0, 0))

    def paint(self, x: int, y: int, picture: Picture) -> None:
        """Show `picture` at x, y, and send it as one raw rectangle."""
        height, width = picture.shape[:2]
        self.pixels[y : y + height, x : x + width] = picture
        rgbx = np.zeros((height, width, 4), np.uint8)
        rgbx[..., :3] = picture[..., ::-1]
        self.server.sendall(struct.pack("!BxHHHHHi", 0, 1, x, y, width, height, 0) + rgbx.tobytes())

    def paint_all(self, seed: int) -> None:
        height, width = self.pixels.shape[:2]
        self.paint(0, 0, np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))

    def resize(self, width: int, height: int, seed: int) -> None:
        """DesktopSize (RFC 6143 section 7.8.2), then everything anew."""
        self.server.sendall(struct.pack("!BxHHHHHi", 0, 1, 0, 0, width, height, -223))
        self.pixels = np.zeros((height, width, 3), np.uint8)
        self.paint_all(seed)

    def hear(self) -> tuple[str, Any]:
        """The next KeyEvent, PointerEvent, request for the whole screen, fence, or cut text."""
        while True:
            (kind,) = self._receive(1)
            if kind == 4:
                down, keysym = struct.unpack("!BxxI", self._receive(7))
                return "key", (keysym, bool(down))
            if kind == 5:
                buttons, x, y = struct.unpack("!BHH", self._receive(5))
                return "pointer", (x, y, buttons)
            if kind == 3:
                if not self._receive(9)[0]:
                    return "request", None
            elif kind == 248:
                (size,) = struct.unpack("!7xB", self._receive(8))
                return "fence", self._receive(size)
            elif kind == 6:
                (length,) = struct.unpack("!3xi", self._receive(7))
                return "cut text", (length, self._receive(abs(length)))
            elif kind == 2:
                (count,) = struct.unpack("!xH", self._receive(3))
                self._receive(4 * count)
            else:
                self._receive({0: 19, 150: 9}[kind])

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.server.recv(count - len(data))
            assert more, "the client closed the connection"
            data += more
        return data

    def answer_fence(self, payload: bytes) -> None:
        self.server.sendall(struct.pack("!B3xIB", 248, 0, len(payload)) + payload)

    def close(self) -> None:
        self.server.close()
        self.client.close()


class HotRig:
    """A session of one environment; each `step` is one row."""

    def __init__(
        self, width: int, height: int, slots: int = 3, channels: int = 3, **config: Any
    ) -> None:
        self.segment = Segment.create(1, height, width, channels, slots)
        self.bell = os.eventfd(0, os.EFD_NONBLOCK)
        self.ring = Ring(self.segment.fd, [self.bell])
        self.config = {"vnc_host": "test", "vnc_port": 1, **config}
        self.generation = 0
        self.now = 0
        self.resets = 0
        self.screens: list[Screen] = []
        self.start_worker()

    def start_worker(self) -> None:
        self.generation += 1
        config = WorkerConfig(env=0, generation=self.generation, name="remote 0", **self.config)
        self.hot = HotLoop(Mapping(self.segment.fd), 0, self.bell, config)
        self.thread = threading.Thread(target=self.hot.run, args=(ScreenSource(),))
        self.thread.start()

    def stop_worker(self) -> None:
        self.hot.post(Letter.STOP)
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()

    def connect(self, screen: Screen, fps: float | None = None) -> None:
        """Hand the screen to the hot thread, and wait until it has its picture."""
        self.screens.append(screen)
        self.source = RFBSource(screen.protocol, screen.client.fileno(), fps)
        assert self.hot.switch(self.source)
        self.letter(Letter.PICTURE)
        assert screen.hear() == ("request", None)
        assert self.hot.post(Letter.READY)

    def letter(self, kind: Letter) -> tuple[int, int]:
        """Wait for a letter of the hot thread; others before it are dropped."""
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            for found, number, episode in self.hot.letters():
                if found == kind:
                    return number, episode
            os.eventfd_read(self._main_bell())
        raise AssertionError(f"no {kind.name} letter")

    def _main_bell(self) -> int:
        os.set_blocking(self.hot.main_bell, True)
        return self.hot.main_bell

    def put(self, kind: EntryKind, **fields: int) -> None:
        entry = np.zeros(1, ENTRY_DTYPE)
        entry["kind"] = kind
        for name, value in fields.items():
            entry[name] = value
        assert self.ring.put(0, entry) == 1

    def ask(self, due: Due = Due.NOW, kind: EntryKind = EntryKind.STEP, **fields: int) -> int:
        """Open the next step and send its entry; returns its number."""
        self.now += 1
        self.ring.open_step(self.now)
        self.put(kind, step=self.now, due=due, **fields)
        return self.now

    def until(self, condition: Callable[[], bool]) -> None:
        """Look until something that the hot thread does at once has happened."""
        deadline_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"never happened: {self.ring.control(0)}"
            os.sched_yield()

    def until_taken(self) -> None:
        """Until the hot thread has taken every entry."""
        self.until(lambda: bool(self.ring.control(0)["head"] == self.ring.control(0)["tail"]))

    def answer(self, step: int, wait_s: float = WAIT_S) -> Any:
        """Wait for the row; its record."""
        done = self.ring.wait(step, 1, time.monotonic_ns() + int(wait_s * 1e9))
        assert done == 1, f"no row of step {step}: {self.ring.control(0)}"
        return self.ring.records(step)[0]

    def step(self, **fields: Any) -> Any:
        return self.answer(self.ask(**fields))

    def picture(self, step: int | None = None) -> Picture:
        pixels: Picture = self.ring.pixels(self.now if step is None else step)[0]
        return pixels

    def reset(self, episode: int, screen: Screen) -> Any:
        """As the trainer resets; the remote answers with `episode` and a new picture."""
        self.resets += 1
        self.put(EntryKind.RESET, step=self.resets)
        step = self.ask()
        assert self.letter(Letter.RESET_WANTED)[0] == self.resets
        assert self.hot.post(Letter.RUNNING, self.resets, episode)
        self.first_picture(screen, episode)
        return self.answer(step)

    def first_picture(self, screen: Screen, seed: int) -> None:
        """A new episode asks for the whole screen; show it something new."""
        while screen.hear()[0] != "request":
            pass
        screen.paint_all(seed)

    def close(self) -> None:
        if self.thread.is_alive():
            self.stop_worker()
        for screen in self.screens:
            screen.close()
        self.ring.close()
        self.segment.close()
        os.close(self.bell)

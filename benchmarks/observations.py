"""What a worker spends on observations of different sizes, on recorded streams.

    python -m benchmarks.observations [--rounds 5] STREAM...

For each size a hot thread with a segment of its own reads the stream, one update and one row at a
time; the sizes take turns, an update each. Counted is the processor time of the hot thread,
decoding and publishing together, and, from a second pass over the same frames, of publishing
alone. The ratios are by the first size, the whole screen in RGB. What small rows lose where JPEGs
are decoded at half their size is told by those of a worker that decodes them whole (`exact`).
"""

import argparse
import contextlib
import os
import select
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.command import run, whole
from benchmarks.fleet_server import has_picture
from benchmarks.recording import Recording
from benchmarks.replay_server import receive_exactly, updates_of
from benchmarks.report import Figure
from cython_vnc.encodings import encodings_for
from cython_vnc.protocol import RFBProtocol
from envserver.observing import Shown, shown_of
from shm.layout import ENTRY_DTYPE
from shm.ring import Ring
from shm.segment import Segment
from shm.view import Mapping
from workers.entries import Due, EntryKind
from workers.hot import HotLoop
from workers.mail import Letter
from workers.messages import WorkerConfig
from workers.painter import Painter
from workers.rfb_source import RFBSource
from workers.source import ScreenSource

SLOTS = 2
WAIT_S = 10.0
TILE_PX = 16
# FramebufferUpdateRequest (RFC 6143 section 7.5.3).
REQUEST_BYTES, INCREMENTAL_AT = 10, 1
GOAL = "video-tightjpeg"
EXACT = ", exact"
SIZES: dict[str, dict[str, Any]] = {
    "RGB, whole": {},
    "grey, whole": {"color": "gray"},
    "RGB 84x84": {"size": (84, 84)},
    f"RGB 84x84{EXACT}": {"size": (84, 84), "exact": True},
    "grey 84x84": {"size": (84, 84), "color": "gray"},
    f"grey 84x84{EXACT}": {"size": (84, 84), "color": "gray", "exact": True},
}


class HotWorker:
    """A hot thread that is fed by hand: its session has one environment, and its server is us.

    Raises:
        RuntimeError: it does not do in 10 s what it was asked for.
    """

    def __init__(self, recording: Recording, shown: Shown, exact: bool) -> None:
        self._segment = Segment.create(1, *shown.size, shown.channels, SLOTS)
        self._segment.prefault()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._ring = Ring(self._segment.fd, [self._bell])
        config = WorkerConfig(
            0, 1, "stream", vnc_port=1, screen=shown.screen, crop=shown.crop, exact=exact
        )
        self._hot = HotLoop(Mapping(self._segment.fd), 0, self._bell, config)
        self._server, self._client = socket.socketpair()
        self._server.settimeout(WAIT_S)
        self._client.setblocking(False)
        protocol = RFBProtocol(recording.width, recording.height)
        protocol.start(encodings_for("tight"))
        protocol.data_to_send()
        self._source = RFBSource(protocol, self._client.fileno(), None)
        self._thread = threading.Thread(target=self._hot.run, args=(ScreenSource(),), daemon=True)
        self._thread.start()
        self._step = 0

    def begin(self) -> None:
        """Begin the episode, up to the request for its picture: only what comes later counts."""
        self._hot.switch(self._source)
        self._hot.post(Letter.READY)
        self._put(EntryKind.RESET, 1)
        while not any(kind == Letter.RESET_WANTED for kind, _, _ in self._hot.letters()):
            if not select.select([self._hot.main_bell], [], [], WAIT_S)[0]:
                raise RuntimeError("no reset was wanted")
            os.eventfd_read(self._hot.main_bell)
        self._hot.post(Letter.RUNNING, 1, 1)
        while receive_exactly(self._server, REQUEST_BYTES)[INCREMENTAL_AT]:
            pass

    def show(self, update: bytes) -> float:
        """Send one update and take its row; the hot thread's processor time, in seconds."""
        clock = time.pthread_getcpuclockid(self._thread.ident or 0)
        before_s = time.clock_gettime(clock)
        self._server.sendall(update)
        self._step += 1
        self._ring.open_step(self._step)
        self._put(EntryKind.STEP, self._step)
        if self._ring.wait(self._step, 1, time.monotonic_ns() + int(WAIT_S * 1e9)) != 1:
            raise RuntimeError(f"no row of update {self._step}")
        spent_s = time.clock_gettime(clock) - before_s
        while select.select([self._server], [], [], 0)[0]:
            self._server.recv(1 << 16)
        return spent_s

    def row(self) -> NDArray[np.int16]:
        """The newest."""
        return np.array(self._ring.pixels(self._step)[0], np.int16)

    def close(self) -> None:
        self._hot.post(Letter.STOP)
        self._thread.join(WAIT_S)
        if self._thread.is_alive():
            raise RuntimeError("the hot thread does not end")
        for end in (self._server, self._client, self._ring, self._segment):
            end.close()
        os.close(self._bell)

    def _put(self, kind: EntryKind, step: int) -> None:
        entry = np.zeros(1, ENTRY_DTYPE)
        entry["kind"], entry["step"], entry["due"] = kind, step, Due.NOW
        self._ring.put(0, entry)


@dataclass
class Spent:
    """CPU seconds an update, one number a round; and how far rows were from exact ones."""

    worker_s: list[float] = field(default_factory=list)
    publish_s: list[float] = field(default_factory=list)
    values: int = 0
    off: int = 0
    """By more than a level."""
    most_off: int = 0

    def compare(self, row: NDArray[np.int16], exact: NDArray[np.int16]) -> None:
        apart = np.abs(row - exact)
        self.values += apart.size
        self.off += int((apart > 1).sum())
        self.most_off = max(self.most_off, int(apart.max()))


def shown_by(asked: dict[str, Any], screen: tuple[int, int]) -> Shown:
    return shown_of(screen, None, asked.get("size"), asked.get("color", "rgb"))


def worker_rounds(
    recording: Recording, updates: list[bytes], rounds: int, spent: dict[str, Spent]
) -> None:
    """Every size's hot thread, an update at a time."""
    screen = (recording.width, recording.height)
    for _ in range(rounds):
        with contextlib.ExitStack() as stack:
            workers = {}
            for name, asked in SIZES.items():
                exact = asked.get("exact", False)
                workers[name] = HotWorker(recording, shown_by(asked, screen), exact)
                stack.callback(workers[name].close)
                workers[name].begin()
            total = dict.fromkeys(workers, 0.0)
            for place, update in enumerate(updates):
                for name, worker in workers.items():
                    # The first row is also that of the reset.
                    spent_s = worker.show(update)
                    total[name] += spent_s if place else 0
                for name, worker in workers.items():
                    if exactly := workers.get(f"{name}{EXACT}"):
                        spent[name].compare(worker.row(), exactly.row())
            for name, seconds in total.items():
                spent[name].worker_s.append(seconds / max(len(updates) - 1, 1))


def frames(recording: Recording, updates: list[bytes]) -> Iterator[RFBProtocol]:
    """The client after each update."""
    protocol = RFBProtocol(recording.width, recording.height)
    protocol.start(encodings_for("tight"))
    for update in updates:
        protocol.get_buffer(len(update))[: len(update)] = update
        protocol.receive(len(update))
        protocol.data_to_send()
        yield protocol


def publish_rounds(
    recording: Recording, updates: list[bytes], rounds: int, spent: dict[str, Spent]
) -> None:
    """Every size's publishing alone, on what each update left."""
    width, height = recording.width, recording.height
    changed_at = np.zeros((-(-height // TILE_PX), -(-width // TILE_PX)), np.uint64)
    for _ in range(rounds):
        painters = {}
        for name, asked in SIZES.items():
            shown = shown_by(asked, (width, height))
            rows, columns = shown.size
            painter = Painter(columns, rows, shown.channels, shown.screen, shown.crop)
            ring = np.ones((SLOTS, rows * columns * shown.channels), np.uint8)
            painters[name] = (painter, ring)
        total = dict.fromkeys(painters, 0.0)
        changed_at[:] = 1
        for frame, protocol in enumerate(frames(recording, updates), 1):
            for rect in protocol.damage_since(frame - 1):
                right, bottom = rect.x + rect.width, rect.y + rect.height
                changed_at[
                    rect.y // TILE_PX : -(-bottom // TILE_PX),
                    rect.x // TILE_PX : -(-right // TILE_PX),
                ] = frame
            pixels = np.frombuffer(protocol.picture().tobytes(), np.uint32).reshape(height, width)
            for name, (painter, ring) in painters.items():
                shows = max(frame - SLOTS, 0)
                began_s = time.thread_time()
                painter.publish(pixels, changed_at, shows, ring[frame % SLOTS])
                total[name] += time.thread_time() - began_s
        for name, seconds in total.items():
            spent[name].publish_s.append(seconds / len(updates))


def measure(streams: list[Path], rounds: int = 5, most_updates: int = 150) -> list[Figure]:
    """The figures of every stream and size."""
    figures = []
    first = next(iter(SIZES))
    for path in streams:
        recording = Recording.load(path)
        body = recording.body
        updates = [body[begin:end] for begin, end in updates_of(recording)]
        # Xvnc tells the size first, alone.
        while updates and not has_picture(updates[0]):
            del updates[0]
        del updates[most_updates:]
        spent = {name: Spent() for name in SIZES}
        worker_rounds(recording, updates, rounds, spent)
        publish_rounds(recording, updates, rounds, spent)
        for name, one in spent.items():
            label = f"{recording.label}: {name}"
            figures.append(Figure(label, statistics.median(one.worker_s) * 1e6, "us a frame"))
            figures.append(
                Figure("  publishing", statistics.median(one.publish_s) * 1e6, "us a frame")
            )
            if name == first:
                continue
            ratios = [a / b for a, b in zip(one.worker_s, spent[first].worker_s, strict=True)]
            goal = 0.6 if recording.label == GOAL and name == "grey 84x84" else None
            figures.append(Figure("  worker, by RGB", statistics.median(ratios), "x", at_most=goal))
            if one.values:
                figures.append(
                    Figure("  off by more than a level", 100 * one.off / one.values, "%")
                )
                figures.append(Figure("  off at most", one.most_off, "levels"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("streams", nargs="+", type=Path)
    parser.add_argument("--rounds", type=whole(), default=5)
    parser.add_argument(
        "--updates", type=whole(2), default=150, help="of each stream, from its start"
    )
    asked = parser.parse_args()
    table = Table("observation", "measured", "reach")
    for figure in measure(asked.streams, asked.rounds, asked.updates):
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.reach or "")
    Console().print(table)


if __name__ == "__main__":
    run(main)

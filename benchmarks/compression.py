"""What each compression setting costs and loses: `python -m benchmarks.compression [--write]`.

Three contents on an Xvnc of 1024x768: a terminal that scrolls (xterm), a photograph that pans, and
an Atari game, enlarged, that plays itself, each at 30 Hz. Bytes and processor time are divided by
the updates and the pixels of the window, so that settings which make the server skip frames compare
fairly. The server repairs what it sent as JPEG some 50 ms after it changed last, so the error is
that of pictures that move: against the frame, of the last few, that is nearest to what is seen.
`--write` puts the table into docs/compression.md.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks import cpu, report
from benchmarks.command import run, start
from benchmarks.record_goldens import server
from cython_vnc.encodings import encodings_for
from cython_vnc.handshake import Handshake
from cython_vnc.protocol import RFBProtocol

SIZE = (1024, 768)
PERIOD_S = 1 / 30
PACED_STEPS, COMPARED_STEPS = 60, 20
FRAMES_BEHIND = 8
QUIET_S, SETTLE_S = 0.03, 1.0
DOCS = Path(__file__).parents[1] / "docs" / "compression.md"
BEGIN, END = "<!-- begin: python -m benchmarks.compression -->", "<!-- end -->"

SETTINGS: tuple[dict[str, Any], ...] = (
    {"encoding": "raw"},
    {"encoding": "hextile"},
    {"encoding": "zrle", "compress_level": 1},
    {"encoding": "zrle", "compress_level": 6},
    {"encoding": "tight", "compress_level": 1},
    {"encoding": "tight", "compress_level": 6},
    *(
        {"encoding": "tight", "fine_quality_level": quality, "subsample_level": chroma}
        for quality, chroma in (
            *((10, 2), (30, 2), (50, 0), (50, 1), (50, 2), (50, 3)),
            *((75, 0), (75, 2), (90, 0), (90, 2), (100, 0)),
        )
    ),
    {"encoding": "tight", "fine_quality_level": 50, "subsample_level": 2, "compress_level": 0},
    {"encoding": "tight", "quality_level": 3},
    {"encoding": "tight", "quality_level": 8},
)

SDL = {
    "SDL_VIDEODRIVER": "x11",
    "SDL_VIDEO_WINDOW_POS": "0,0",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
}

Picture = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one setting did with one content."""

    bytes_per_pixel: float
    client_ns: float
    """Processor time for a pixel, to decode."""
    server_ns: float
    psnr_db: float
    """Of the window while it moves; inf where nothing was lost."""


class Viewer:
    """A client of the server, which decodes what it reads at once."""

    def __init__(self, port: int, settings: dict[str, Any]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        handshake = Handshake()
        while not handshake.done:
            handshake.feed(self._socket.recv(1 << 16))
            self._socket.sendall(handshake.data_to_send())
        init = handshake.server_init
        self.protocol = RFBProtocol(init.width, init.height)
        self.protocol.start(encodings_for(**settings))
        self.decoding_ns = 0
        self._decode(handshake.leftover)

    def read(self, seconds: float) -> bool:
        """Request an update and take what comes for so long; whether any update did."""
        frame, until = self.protocol.frame, time.monotonic() + seconds
        self.protocol.write_update_request()
        while True:
            self._socket.sendall(self.protocol.data_to_send())
            left_s = until - time.monotonic()
            if left_s <= 0 or not select.select([self._socket], [], [], left_s)[0]:
                return self.protocol.frame != frame
            updates = self.protocol.frame
            self._decode(self._socket.recv(1 << 20))
            if self.protocol.frame != updates:
                self.protocol.write_update_request()

    def settle(self) -> None:
        """Read until nothing comes any more."""
        until = time.monotonic() + SETTLE_S
        while self.read(QUIET_S) and time.monotonic() < until:
            pass

    def picture(self) -> Picture:
        return np.array(self.protocol.picture())[:, :, 2::-1]

    def close(self) -> None:
        self._socket.close()

    def _decode(self, data: bytes) -> None:
        if data:
            self.protocol.get_buffer(len(data))[: len(data)] = data
            began_ns = time.thread_time_ns()
            self.protocol.receive(len(data))
            self.decoding_ns += time.thread_time_ns() - began_ns


class Content(NamedTuple):
    """A window at the top left of the screen."""

    step: Callable[[int], None]
    """Shows the picture of that number; returns when the X server has it."""
    size: tuple[int, int]
    """Height and width in pixels."""
    frame: Callable[[int], Picture] | None = None
    """What is shown; None where only the server knows."""


Open = Callable[[dict[str, str]], contextlib.AbstractContextManager[Content]]


@contextlib.contextmanager
def terminal(environment: dict[str, str]) -> Iterator[Content]:
    """A terminal in which three lines appear at a time."""
    reading, writing = os.pipe()
    command = ["xterm", "-maximized", "-geometry", "168x58+0+0", "-fn", "fixed", "-e"]
    listing = sorted(str(path) for path in Path(os.__file__).parent.glob("*.py"))
    process = start(
        [*command, "sh", "-c", f"cat /proc/{os.getpid()}/fd/{reading}"], env=environment
    )

    def step(number: int) -> None:
        for i in range(3):
            line = listing[(3 * number + i) % len(listing)]
            colour = 31 + sum(line.encode()) % 6
            os.write(writing, f"\x1b[{colour}m{line}\x1b[0m  {number}\r\n".encode())

    try:
        yield Content(step, (SIZE[1], SIZE[0]))
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


def photograph(height: int, width: int) -> Picture:
    """A landscape of light as cameras see it: all frequencies, each as strong as it is long."""
    random = np.random.default_rng(5)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    strength = 1 / np.maximum(np.hypot(fy, fx), 1 / width) ** 1.3
    shared = np.fft.rfft2(random.normal(size=(height, width)))
    planes = []
    for _ in range(3):
        own = np.fft.rfft2(random.normal(size=(height, width)))
        wave = np.fft.irfft2((shared + 0.3 * own) * strength, s=(height, width))
        planes.append(128 + 55 * wave / wave.std() + random.normal(0, 2, (height, width)))
    pixels: Picture = np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)
    return pixels


def panning() -> Callable[[int], Picture]:
    """A photograph behind a moving window, 640x480."""
    whole = photograph(600, 1600)
    return lambda number: whole[60 : 60 + 480, 4 * (number % 200) :][:, :640]


def playing() -> Callable[[int], Picture]:
    """Enduro, the pixels four times as wide and high, with random actions."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    game = gymnasium.make("ALE/Enduro-v5", render_mode="rgb_array", frameskip=2)
    game.reset(seed=1)
    game.action_space.seed(1)
    frames: list[Picture] = []
    for _ in range(300):
        game.step(game.action_space.sample())
        frames.append(np.asarray(game.render(), np.uint8))
    game.close()
    return lambda number: frames[100 + number % 200].repeat(3, axis=0).repeat(4, axis=1)


def shown(frame: Callable[[int], Picture]) -> Open:
    """Frames in a window of a process of its own."""

    @contextlib.contextmanager
    def content(environment: dict[str, str]) -> Iterator[Content]:
        height, width = frame(0).shape[:2]
        process = start(
            [sys.executable, "-m", "benchmarks.compression", "--show", f"{width}x{height}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, **SDL},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        pixels, told = process.stdin, process.stdout

        def step(number: int) -> None:
            pixels.write(np.ascontiguousarray(frame(number)).tobytes())
            pixels.flush()
            told.read(1)

        try:
            yield Content(step, (height, width), frame)
        finally:
            process.kill()
            process.wait()
            pixels.close()
            told.close()

    return content


def show(width: int, height: int) -> None:
    """Draw frames that come by standard input, and say so after each."""
    import pygame

    pygame.display.init()
    window = pygame.display.set_mode((width, height), pygame.NOFRAME)
    while data := sys.stdin.buffer.read(3 * width * height):
        pygame.event.pump()
        window.blit(pygame.image.frombuffer(data, (width, height), "RGB"), (0, 0))
        pygame.display.flip()
        os.write(1, b".")


def measure(open_content: Open, settings: dict[str, Any]) -> Cost:
    """One setting on a server of its own."""
    with server(*SIZE) as (port, environment), open_content(environment) as content:
        viewer = Viewer(port, settings)
        for number in range(5):
            content.step(number)
            viewer.settle()
        (server_pid,) = (
            child.pid for child in psutil.Process().children() if child.name().startswith("Xvnc")
        )
        protocol = viewer.protocol
        before = (protocol.bytes_received, protocol.frame, viewer.decoding_ns)
        server_s = cpu.spent_s([server_pid])
        due_s = time.monotonic()
        for number in range(5, 5 + PACED_STEPS):
            content.step(number)
            due_s += PERIOD_S
            viewer.read(max(0.001, due_s - time.monotonic()))
        server_s = cpu.spent_s([server_pid]) - server_s
        pixels = max(1, protocol.frame - before[1]) * content.size[0] * content.size[1]
        sent_bytes = protocol.bytes_received - before[0]
        decoding_ns = viewer.decoding_ns - before[2]
        errors = list(moving_errors(port, viewer, content))
        viewer.close()
    error = float(np.mean(errors))
    return Cost(
        sent_bytes / pixels,
        decoding_ns / pixels,
        1e9 * server_s / pixels,
        math.inf if error == 0 else 10 * math.log10(255**2 / error),
    )


def moving_errors(port: int, viewer: Viewer, content: Content) -> Iterator[float]:
    """Mean square error of the window, step by step."""
    height, width = content.size
    lossless = Viewer(port, {"encoding": "raw"}) if content.frame is None else None
    for number in range(100, 100 + COMPARED_STEPS):
        content.step(number)
        if lossless is not None:
            # A terminal has too few colours for JPEG: nothing is repaired while both settle.
            for each in (viewer, lossless, viewer, lossless):
                each.settle()
            truths = [lossless.picture()[:height, :width]]
        else:
            viewer.read(PERIOD_S)
            assert content.frame is not None
            truths = [content.frame(number - back) for back in range(FRAMES_BEHIND)]
        seen = viewer.picture()[:height, :width].astype(np.float64)
        if number >= 100 + FRAMES_BEHIND:
            yield min(float(((seen - truth) ** 2).mean()) for truth in truths)
    if lossless is not None:
        lossless.close()


def describe(settings: dict[str, Any]) -> str:
    """A setting in a few words."""
    words = [settings["encoding"]]
    for name, word in (
        ("fine_quality_level", "quality"),
        ("subsample_level", "subsample"),
        ("quality_level", "coarse quality"),
        ("compress_level", "compress"),
    ):
        if name in settings:
            words.append(f"{word} {settings[name]}")
    return ", ".join(words)


def table(costs: dict[str, dict[str, Cost]], described: dict[str, Any]) -> str:
    """The table of docs/compression.md."""
    names = list(next(iter(costs.values())))
    lines = [
        f"| setting | {' | '.join(f'{name}: B/px | client | server | dB' for name in names)} |",
        "|---" + "|---:" * (4 * len(names)) + "|",
    ]
    for setting, by_content in costs.items():
        cells = []
        for name in names:
            cost = by_content[name]
            error = "none" if math.isinf(cost.psnr_db) else f"{cost.psnr_db:.1f}"
            times = f"{cost.client_ns:.2f} | {cost.server_ns:.1f}"
            cells.append(f"{cost.bytes_per_pixel:.3f} | {times} | {error}")
        lines.append(f"| {setting} | " + " | ".join(cells) + " |")
    where = f"Measured {described['measured']} on {described['cpu']}, {described['cores']} cores."
    return "\n".join([*lines, "", where])


def write_table(text: str, path: Path = DOCS) -> None:
    """Replace what stands between the marks."""
    page = path.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not tail:
        raise SystemExit(f"{path} has no marks {BEGIN!r} and {END!r}")
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    parser.add_argument("--show", metavar="WIDTHxHEIGHT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.show:
        width, height = map(int, asked.show.split("x"))
        show(width, height)
        return
    described = report.machine()
    contents = {"terminal": terminal, "picture": shown(panning()), "game": shown(playing())}
    costs: dict[str, dict[str, Cost]] = {}
    for settings in SETTINGS:
        costs[describe(settings)] = {
            name: measure(content, settings) for name, content in contents.items()
        }
        print(describe(settings), file=sys.stderr)
    text = table(costs, described)
    print(text)
    if asked.write:
        write_table(text)


if __name__ == "__main__":
    run(main)

"""Many paced VNC servers in one compiled process (fleet_server.c), each playing a recording.

A recording is played over and over, byte by byte as it was recorded. That is possible although its
zlib streams cannot begin anew within a connection: a recording's deflate blocks refer to nothing
before its start and end on a byte, so they may follow themselves. Only what stood before the first
block has to go: the two bytes of the zlib header (ZRLE, Zlib); Tight can say that its streams begin
anew, in a rectangle of one pixel. The recording's first update paints the whole screen.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.recording import Recording
from benchmarks.replay_server import LAST_RECT_ENDS, updates_of
from cython_vnc.constants import Encoding
from cython_vnc.encodings import encodings_for
from cython_vnc.protocol import RFBProtocol

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "benchmarks" / "fleet_server.c"
BUILT = ROOT / "build" / "peers" / "fleet_server"
RECT = struct.Struct(">HHHHi")
UPDATE_HEAD = struct.Struct(">HH")
SERVER_INIT_AT = 4
"""After SecurityResult."""
ENTRY = struct.Struct("<QII")
RESET_TIGHT = RECT.pack(0, 0, 1, 1, Encoding.TIGHT) + b"\x8f\0\0\0"
"""One black pixel, as a fill; its control byte resets the four streams."""
ZLIB_HEADER_BYTES = 2
STAMP = struct.pack(">Qi", 0, Encoding.TIMESTAMP)


def compiled() -> Path:
    """The server's program, compiled if its source is newer."""
    if BUILT.exists() and BUILT.stat().st_mtime >= SOURCE.stat().st_mtime:
        return BUILT
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    compiler = [os.environ.get("CC", "cc"), "-O2", "-o", str(BUILT), str(SOURCE)]
    subprocess.run(compiler, check=True)
    return BUILT


def with_rectangles(update: bytes, *rectangles: bytes) -> bytes:
    """The update with further rectangles in front."""
    kind, count = UPDATE_HEAD.unpack_from(update)
    count = count if count == LAST_RECT_ENDS else count + len(rectangles)
    return UPDATE_HEAD.pack(kind, count) + b"".join(rectangles) + update[UPDATE_HEAD.size :]


def again(update: bytes) -> bytes:
    """The recording's first update as it may follow the last.

    Raises:
        ValueError: it begins with a rectangle that is not known here.
    """
    at = UPDATE_HEAD.size
    while True:
        _, _, width, height, encoding = RECT.unpack_from(update, at)
        payload = at + RECT.size
        if encoding == Encoding.TIGHT:
            return with_rectangles(update, RESET_TIGHT)
        if encoding in (Encoding.ZRLE, Encoding.ZLIB):
            (length,) = struct.unpack_from(">I", update, payload)
            cut = payload + 4 + ZLIB_HEADER_BYTES
            return update[:payload] + struct.pack(">I", length - ZLIB_HEADER_BYTES) + update[cut:]
        if encoding in (Encoding.HEXTILE, Encoding.RRE, Encoding.RAW):
            return update
        at = payload + _pseudo_bytes(encoding, width, height, update, payload)


def _pseudo_bytes(encoding: int, width: int, height: int, update: bytes, payload: int) -> int:
    if encoding == Encoding.CURSOR:
        return 4 * width * height + (width + 7) // 8 * height
    if encoding == Encoding.EXTENDED_DESKTOP_SIZE:
        return 4 + 16 * update[payload]
    if encoding in (Encoding.DESKTOP_SIZE, Encoding.QEMU_EXTENDED_KEY):
        return 0
    raise ValueError(f"a recording that begins with encoding {encoding} cannot be played again")


@dataclass(frozen=True)
class Played:
    """A recording as the server plays it."""

    path: Path
    updates: int
    last: NDArray[np.uint8]
    """Its last picture, RGB, by our own client alone."""


def write_played(recording: Recording, path: Path) -> Played:
    """Write what the server reads: ServerInit, and the updates, each with room for a stamp."""
    body, begun, entries, data = recording.body, 0, [], bytearray()
    pieces = []
    for begin, end in updates_of(recording):
        before = body[begun:begin]  # fences, bells: what came between two updates
        begun = end
        pieces.append((len(before), before + with_rectangles(body[begin:end], STAMP)))
        if len(pieces) == 1:
            first = before, body[begin:end]
    pieces.append((len(first[0]), first[0] + with_rectangles(again(first[1]), STAMP)))
    init = recording.data[: recording.body_offset][_server_init_at(recording) :]
    base = 8 + len(pieces) * ENTRY.size + len(init)
    for stamp_after, piece in pieces:
        entries.append(ENTRY.pack(base + len(data), len(piece), stamp_after + UPDATE_HEAD.size))
        data += piece
    head = struct.pack("<II", len(pieces) - 1, len(init))
    path.write_bytes(head + b"".join(entries) + init + data)
    return Played(path, len(pieces) - 1, last_picture(recording))


def _server_init_at(recording: Recording) -> int:
    types = recording.data[12]
    return 12 + 1 + types + SERVER_INIT_AT


def last_picture(recording: Recording) -> NDArray[np.uint8]:
    """The picture after the last update: uint8 (height, width, 3), RGB."""
    protocol = RFBProtocol(recording.width, recording.height)
    protocol.start(encodings_for("tight"))
    body = recording.body
    protocol.get_buffer(len(body))[: len(body)] = body
    protocol.receive(len(body))
    return np.array(protocol.picture())[:, :, 2::-1]


@dataclass(frozen=True)
class Counts:
    """What the server did so far."""

    sent: int
    skipped: int
    """Turns at which a client had not taken the update before."""
    halted: int
    latest_us: int
    """How late the latest turn was since the last time it was asked."""


class FleetServer:
    """The server's process.

    Args:
        streams: desktop i plays recording i modulo their number.
        fps: updates a second, of each desktop.
    """

    def __init__(self, streams: Sequence[Recording], num_desktops: int, fps: float) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="fleet-"))
        try:
            self.played = [
                write_played(recording, self._directory / str(place))
                for place, recording in enumerate(streams)
            ]
            files = [self.plays(desktop).path for desktop in range(num_desktops)]
            self._process = subprocess.Popen(
                [compiled(), str(fps), *files],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self.ports = [int(port) for port in self._process.stdout.readline().split()]

    def plays(self, desktop: int) -> Played:
        return self.played[desktop % len(self.played)]

    @property
    def remotes(self) -> str:
        """Their addresses, as `make_vec` takes them."""
        return "vnc://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def halt(self) -> Counts:
        """Let each play on to its recording's end and stay there; `halted` counts those."""
        return self._tell("halt")

    def go(self) -> Counts:
        return self._tell("go")

    def counts(self) -> Counts:
        return self._tell("counts")

    def _tell(self, word: str) -> Counts:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        return Counts(*map(int, self._process.stdout.readline().split()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)
        shutil.rmtree(self._directory)

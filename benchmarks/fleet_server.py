"""Many paced VNC servers in one compiled process (fleet_server.c), each playing a recording.

A recording is played over and over, byte by byte as it was recorded. That is possible although its
zlib streams cannot begin anew within a connection: a recording's deflate blocks refer to nothing
before its start and end on a byte, so they may follow themselves. Only what stood before the first
block has to go: the two bytes of the zlib header (ZRLE, Zlib); Tight can say that its streams begin
anew, in a rectangle of one pixel. The recording's first picture is of the whole
screen; what came before it, the screen's size or the pointer's shape, is left out, and so is what
came between updates.
"""

import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import start
from benchmarks.compiling import compiled
from benchmarks.recording import Recording
from benchmarks.replay_server import LAST_RECT_ENDS, updates_of
from cython_vnc.constants import Encoding
from cython_vnc.encodings import encodings_for
from cython_vnc.protocol import RFBProtocol

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "benchmarks" / "fleet_server.c"
RECT = struct.Struct(">HHHHi")
UPDATE_HEAD = struct.Struct(">HH")
SERVER_INIT_AT = 4
"""After SecurityResult."""
ENTRY = struct.Struct("<QII")
RESET_TIGHT = RECT.pack(0, 0, 1, 1, Encoding.TIGHT) + b"\x8f\0\0\0"
"""One black pixel, as a fill; its control byte resets the four streams."""
ZLIB_HEADER_BYTES = 2
STAMP = struct.pack(">Qi", 0, Encoding.TIMESTAMP)


def with_rectangles(update: bytes, *rectangles: bytes) -> bytes:
    """The update with further rectangles in front."""
    kind, count = UPDATE_HEAD.unpack_from(update)
    count = count if count == LAST_RECT_ENDS else count + len(rectangles)
    return UPDATE_HEAD.pack(kind, count) + b"".join(rectangles) + update[UPDATE_HEAD.size :]


def rectangles(update: bytes) -> Iterator[tuple[int, int]]:
    """The encoding of each rectangle and where its payload begins, up to one of unknown length."""
    (_, count), at = UPDATE_HEAD.unpack_from(update), UPDATE_HEAD.size
    while count and at < len(update):
        _, _, width, height, encoding = RECT.unpack_from(update, at)
        payload = at + RECT.size
        yield encoding, payload
        size = _payload_bytes(encoding, width, height, update, payload)
        if size is None:
            return
        at, count = payload + size, count - 1


def _payload_bytes(encoding: int, width: int, height: int, update: bytes, at: int) -> int | None:
    """How long a payload is; None where only a decoder knows, and at the last rectangle."""
    if encoding == Encoding.TIGHT:
        return _tight_bytes(width, height, update, at)
    if encoding in (Encoding.ZRLE, Encoding.ZLIB):
        return 4 + int.from_bytes(update[at : at + 4])
    if encoding == Encoding.RAW:
        return 4 * width * height
    if encoding == Encoding.COPYRECT:
        return 4
    if encoding == Encoding.CURSOR:
        return 4 * width * height + (width + 7) // 8 * height
    if encoding == Encoding.EXTENDED_DESKTOP_SIZE:
        return 4 + 16 * update[at]
    return 0 if encoding in (Encoding.DESKTOP_SIZE, Encoding.QEMU_EXTENDED_KEY) else None


def _tight_bytes(width: int, height: int, update: bytes, begin: int) -> int:
    """(rfbproto, "Tight Encoding"), with pixels of 3 bytes."""
    at, kind = begin + 1, update[begin] >> 4
    if kind == 8:
        return 4
    pixel_bits = 24
    if kind & 4 and kind < 8:
        tight_filter, at = update[at], at + 1
        if tight_filter == 1:
            colours = update[at] + 1
            pixel_bits, at = 1 if colours == 2 else 8, at + 1 + 3 * colours
    size = (pixel_bits * width + 7) // 8 * height
    if kind == 9 or size >= 12:
        size = 0
        for shift in (0, 7, 14):
            byte, at = update[at], at + 1
            size |= (byte & 0x7F if shift < 14 else byte) << shift
            if not byte & 0x80:
                break
    return at + size - begin


def has_picture(update: bytes) -> bool:
    return any(encoding >= 0 for encoding, _ in rectangles(update))


def again(updates: Sequence[bytes]) -> dict[int, bytes]:
    """Those updates that differ when the recording follows itself, by their number."""
    changed = {0: updates[0]}
    for zlib in (Encoding.ZRLE, Encoding.ZLIB):
        for number, update in enumerate(updates):
            found = [at for encoding, at in rectangles(update) if encoding == zlib]
            if found:
                changed[number] = without_header(changed.get(number, update), found[0])
                break
    changed[0] = with_rectangles(changed[0], RESET_TIGHT)
    return changed


def without_header(update: bytes, at: int) -> bytes:
    """The update without the zlib header in the payload that begins at `at`."""
    length = int.from_bytes(update[at : at + 4]) - ZLIB_HEADER_BYTES
    return update[:at] + length.to_bytes(4) + update[at + 4 + ZLIB_HEADER_BYTES :]


@dataclass(frozen=True)
class Played:
    """A recording as the server plays it."""

    path: Path
    updates: int
    last: NDArray[np.uint8]
    """Its last picture, RGB, by our own client alone."""


def write_played(recording: Recording, path: Path) -> Played:
    """Write what the server reads: the updates with room for a stamp, as they are the first time
    and later, and ServerInit.

    Raises:
        ValueError: there is no picture in the recording.
    """
    body = recording.body
    updates = [body[begin:end] for begin, end in updates_of(recording)]
    while updates and not has_picture(updates[0]):
        del updates[0]
    if not updates:
        raise ValueError(f"{recording.label} has no picture")
    changed = again(updates)
    init = recording.data[_server_init_at(recording) : recording.body_offset]
    head = struct.pack("<II", len(updates), len(init))
    place = len(head) + 2 * len(updates) * ENTRY.size + len(init)
    data: list[bytes] = []

    def entry(update: bytes) -> bytes:
        nonlocal place
        data.append(with_rectangles(update, STAMP))
        place += len(data[-1])
        return ENTRY.pack(place - len(data[-1]), len(data[-1]), UPDATE_HEAD.size)

    entries = [entry(update) for update in updates]
    later = [
        entry(changed[number]) if number in changed else same for number, same in enumerate(entries)
    ]
    path.write_bytes(b"".join([head, *entries, *later, init, *data]))
    return Played(path, len(updates), last_picture(recording))


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
    missed: int
    """Turns to which the server came so late that the next was due."""
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
        # The server maps its files before it says its ports: nothing is left, whoever is killed.
        with tempfile.TemporaryDirectory(prefix="fleet-") as directory:
            self.played = [
                write_played(recording, Path(directory) / str(place))
                for place, recording in enumerate(streams)
            ]
            files = [self.plays(desktop).path for desktop in range(num_desktops)]
            self._process = start(
                [compiled(SOURCE), str(fps), *files],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
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

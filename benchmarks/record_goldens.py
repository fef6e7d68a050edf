"""Records tests/goldens from a real TigerVNC server, by `python -m benchmarks.record_goldens`.

A terminal scrolls, its window moves, another one covers it, the pointer moves, a photograph shows
up. When nothing changes any more the X server's own framebuffer (by `xwd`) says what the last
picture is: a lossless recording must be equal to it, byte for byte, and one with JPEG near to it;
then ours is hashed. Xvnc repairs what it sent as JPEG when it has time: such a recording is cut
before the last repair. Needs Xvnc, xterm, xdotool, xsetroot, xwd and xwud.
"""

import argparse
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import run, start
from benchmarks.record import REQUEST_PERIOD_S, Recorder
from benchmarks.recording import Recording, picture_hash
from cython_vnc.constants import Encoding
from cython_vnc.encodings import encodings_for
from cython_vnc.protocol import RFBProtocol
from envserver.remotes.vnc_password import MAX_PASSWORD_BYTES, password_file

Picture = NDArray[np.uint8]
LOSSLESS = ("raw", "copyrect", "rre", "hextile", "zrle", "tight")
QUIET_S = 0.3
SCENE_S = 0.25
"""How long each action of the scene is recorded."""
JPEG_ERRORS = 0.1, 5.0
"""Mean absolute error, of 255, while the photograph is as JPEG left it."""
END_S = 2.0
ASKED = {
    "raw": ((112, 80), [e for e in encodings_for("raw", resize=False) if e != Encoding.COPYRECT]),
    "copyrect": ((128, 96), encodings_for("raw")),
    "rre": ((160, 120), encodings_for("rre")),
    "hextile": ((320, 240), encodings_for("hextile")),
    "zrle": ((320, 240), encodings_for("zrle")),
    "tight": ((320, 240), encodings_for("tight", compress_level=6)),
    "tight-jpeg": ((320, 240), encodings_for("tight", fine_quality_level=50, subsample_level=1)),
    "tight-gray": ((320, 240), encodings_for("tight", fine_quality_level=40, subsample_level=3)),
}


@contextmanager
def server(
    width: int,
    height: int,
    password: str | None = None,
    port: int = 0,
    options: Sequence[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    """Run an Xvnc, on a free port unless one is given; yields it and its programs' environment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    reading, writing = os.pipe()
    with ExitStack() as stack:
        security = ["-SecurityTypes", "None"]
        if password is not None:
            file = stack.enter_context(tempfile.NamedTemporaryFile())
            file.write(password_file(password[:MAX_PASSWORD_BYTES]))
            file.flush()
            security = ["-SecurityTypes", "VncAuth", "-PasswordFile", file.name]
        size = ["-geometry", f"{width}x{height}", "-depth", "24"]
        command = ["Xvnc", "-displayfd", str(writing), "-rfbport", str(port), "-localhost"]
        process = start(
            [*command, *size, *security, *options], pass_fds=[writing], stderr=subprocess.DEVNULL
        )
        stack.callback(_end, process)
        os.close(writing)
        with os.fdopen(reading) as lines:
            display = lines.readline().strip()
        yield port, {**os.environ, "DISPLAY": f":{display}"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End an X server: one that was about to sleep when the signal came slept on."""
    while process.returncode is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)


def x_picture(environment: dict[str, str]) -> Picture:
    """The root window as the X server holds it: uint8, (height, width, 4), B, G, R, X."""
    dump = subprocess.check_output(["xwd", "-root", "-silent"], env=environment)
    # XWDFileHeader: 25 numbers of 32 bits, a name, then colormap entries of 12 bytes.
    header = struct.unpack(">25I", dump[:100])
    width, height, bits, stride, colors = header[4], header[5], header[11], header[12], header[19]
    assert (bits, header[7]) == (32, 0), "expected 32 bits a pixel, least significant byte first"
    pixels = np.frombuffer(dump, np.uint8, offset=header[0] + 12 * colors)
    return pixels.reshape(height, stride // 4, 4)[:, :width]


def photograph(width: int, height: int) -> bytes:
    """Smooth waves of color with some noise, as a file for `xwud`."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    noise = np.random.default_rng(1).normal(0, 6, (height, width))
    waves = [128 + 100 * np.sin((x * a + y * b) / 20) + noise for a, b in ((1, 2), (2, 1), (3, -1))]
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, :, :3] = np.clip(np.stack(waves, axis=2), 0, 255)
    name = b"photograph\0\0"
    masks = (0xFF0000, 0xFF00, 0xFF)
    # Version 7, ZPixmap of depth 24, least significant byte first, 32 bits a pixel, TrueColor.
    layout = (100 + len(name), 7, 2, 24, width, height, 0, 0, 32, 0, 32, 32, 4 * width, 4)
    header = struct.pack(">25I", *layout, *masks, 8, 0, 0, width, height, 0, 0, 0)
    return header + name + pixels.tobytes()


def play(recorder: Recorder, environment: dict[str, str], stack: ExitStack) -> None:
    """The scene; every action is recorded for a while."""

    def spawn(*command: str) -> None:
        process = start(command, env=environment, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)

    def act(*command: str) -> None:
        subprocess.run(command, env=environment, check=True)
        recorder.run(SCENE_S)

    shell = "for i in $(seq 12); do echo $i the quick brown fox; sleep 0.02; done; sleep 60"
    spawn("xterm", "-geometry", "30x8+5+5", "-fn", "fixed", "-uc", "-e", "sh", "-c", shell)
    recorder.run(1.2)
    act("xsetroot", "-gray")
    act("xdotool", "search", "--class", "xterm", "windowmove", "30", "25")
    # By us: where somebody else moves the pointer, Xvnc draws it into the picture.
    for x in range(20, 80, 15):
        recorder.protocol.write_pointer_event(x, 50)
        recorder.run(REQUEST_PERIOD_S)
    logo = "printf '\\033[44;33m colors \\033[41m of \\033[42m a \\033[0m terminal'; sleep 60"
    spawn("xterm", "-geometry", "12x4-0-0", "-bg", "navy", "-fg", "gold", "-e", "sh", "-c", logo)
    recorder.run(1.0)
    act("xsetroot", "-solid", "#204060")
    with tempfile.NamedTemporaryFile(suffix=".xwd") as file:
        file.write(photograph(72, 64))
        file.flush()
        spawn("xwud", "-in", file.name, "-geometry", "+7+9")
        recorder.run(0.5)


def errors_after_updates(recording: Recording, truth: Picture) -> Iterator[tuple[int, float]]:
    """After each update: where it ends, and the mean absolute error of the picture."""
    protocol = RFBProtocol(recording.width, recording.height)
    begin = recording.body_offset
    for _, end in recording.arrivals:
        feed(protocol, recording.data[begin:end])
        picture = np.asarray(protocol.picture())[:, :, :3].astype(int)
        yield end, float(np.abs(picture - truth[:, :, :3]).mean())
        begin = end


def replayed(recording: Recording) -> RFBProtocol:
    protocol = RFBProtocol(recording.width, recording.height)
    feed(protocol, recording.body)
    return protocol


def feed(protocol: RFBProtocol, data: bytes) -> None:
    protocol.get_buffer(len(data))[: len(data)] = data
    protocol.receive(len(data))


def record(label: str, directory: Path) -> str:
    """Record one golden; what came of it, for people."""
    (width, height), encodings = ASKED[label]
    with ExitStack() as stack:
        port, environment = stack.enter_context(server(width, height))
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        recorder = Recorder(connection, encodings)
        play(recorder, environment, stack)
        while recorder.run(QUIET_S):
            pass
        theirs = x_picture(environment)
    recording = recorder.recording(label)
    least, most = (0.0, 0.0) if label in LOSSLESS else JPEG_ERRORS
    near = [
        (end, error)
        for end, error in errors_after_updates(recording, theirs)
        if least <= error <= most
    ]
    if not near:
        raise SystemExit(f"{label}: the last picture is not near to the X server's")
    end, error = near[-1]
    arrivals = [arrival for arrival in recording.arrivals if arrival[1] <= end]
    recording = replace(recording, data=recording.data[:end], arrivals=arrivals)
    replace(recording, picture_hash=picture_hash(replayed(recording).picture())).save(directory)
    return f"{label}: {len(recording.arrivals)} updates, {end} bytes, error {error:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("labels", nargs="*", metavar="LABEL", help="all of them without any")
    asked = parser.parse_args()
    if unknown := set(asked.labels) - set(ASKED):
        parser.error(f"no golden {', '.join(unknown)}: there are {', '.join(ASKED)}")
    for label in asked.labels or ASKED:
        print(record(label, asked.directory), file=sys.stderr)


if __name__ == "__main__":
    run(main)

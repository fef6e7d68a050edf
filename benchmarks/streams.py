"""Records streams of three scenes in five encodings: `python -m benchmarks.streams [DIRECTORY]`.

Each is what Xvnc at 1024x768 sends to a client that asks for an update every 1/60 s: `game` and
`video` are the programs of scenes.py; `desk` is a terminal that scrolls, a clock, eyes, and a
pointer that they follow. The names are SCENE-ENCODING; `tightjpeg` is Tight with JPEG at half
quality. What is long is cut at 12 MB. Needs Xvnc, xterm, xclock and xeyes.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.command import positive, run, start
from benchmarks.latency import ended
from benchmarks.record import REQUEST_PERIOD_S, Recorder
from benchmarks.record_goldens import server
from benchmarks.replay_client import connect
from cython_vnc.encodings import encodings_for

WIDTH, HEIGHT = 1024, 768
ROOT = Path(__file__).parents[1]
DIRECTORY = ROOT / "build" / "streams"
SCROLLING = (
    "i=0; while :; do i=$((i+1)); "
    "printf '%05d  the quick brown fox jumps over the lazy dog  %x\\n' $i $((i*7919)); "
    "sleep 0.03; done"
)
DESK = (
    ["xterm", "-fn", "fixed", "-geometry", "110x50+20+20", "-e", "sh", "-c", SCROLLING],
    ["xclock", "-update", "1", "-geometry", "180x180+780+20"],
    ["xeyes", "-geometry", "200x140+770+240"],
)
SCENES: dict[str, tuple[list[str], ...]] = {
    "desk": DESK,
    "game": ([sys.executable, "-m", "benchmarks.scenes", "game"],),
    "video": ([sys.executable, "-m", "benchmarks.scenes", "video"],),
}
ASKED = {
    "tight": encodings_for("tight", fence=False, continuous=False, timestamp=False),
    "tightjpeg": encodings_for(
        "tight",
        fine_quality_level=50,
        subsample_level=2,
        fence=False,
        continuous=False,
        timestamp=False,
    ),
    "zrle": encodings_for("zrle", fence=False, continuous=False, timestamp=False),
    "hextile": encodings_for("hextile", fence=False, continuous=False, timestamp=False),
    "rre": encodings_for("rre", fence=False, continuous=False, timestamp=False),
}
MOST_BYTES = 12_000_000
FIRST_PICTURE_S = 2.0


@contextmanager
def shown(scene: str) -> Iterator[int]:
    """A server that shows the scene; its port."""
    with ExitStack() as stack:
        port, environment = stack.enter_context(server(WIDTH, HEIGHT))
        for command in SCENES[scene]:
            program = start(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                text=True,
            )  # fmt: skip
            stack.enter_context(ended(program))
        time.sleep(FIRST_PICTURE_S)
        yield port


def record(scene: str, encoding: str, port: int, seconds: float, directory: Path) -> str:
    """Record one stream; a line that describes it."""
    with connect("127.0.0.1", port) as connection:
        recorder = Recorder(connection, ASKED[encoding])
        updates, frame, until_s = 0, 0, time.monotonic() + seconds
        while time.monotonic() < until_s and recorder.protocol.bytes_received < MOST_BYTES:
            if scene == "desk":
                angle = frame / 40
                x, y = 512 + 400 * math.cos(angle), 384 + 300 * math.sin(2 * angle)
                recorder.protocol.write_pointer_event(int(x), int(y))
            updates += recorder.run(REQUEST_PERIOD_S)
            frame += 1
    recording = recorder.recording(f"{scene}-{encoding}")
    recording.save(directory)
    return f"{recording.label}: {updates} updates, {len(recording.data) / 1e6:.1f} MB"


def record_all(
    directory: Path = DIRECTORY, seconds: float = 8.0, names: Container[str] | None = None
) -> list[Path]:
    """Record every scene in every encoding, or those of these names; the recordings.

    They lie there when all are made: who ends it in between leaves none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".") as made:
        for scene in SCENES:
            for encoding in ASKED:
                if names is not None and f"{scene}-{encoding}" not in names:
                    continue
                with shown(scene) as port:
                    print(record(scene, encoding, port, seconds, Path(made)), flush=True)
        # A recording is there with its .rfb, so that comes last.
        for path in sorted(Path(made).iterdir(), key=lambda path: path.suffix):
            path.rename(directory / path.name)
    return sorted(directory.glob("*.rfb"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=DIRECTORY)
    parser.add_argument("--seconds", type=positive, default=8.0)
    asked = parser.parse_args()
    record_all(asked.directory, asked.seconds)


if __name__ == "__main__":
    run(main)

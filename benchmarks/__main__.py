"""`make bench`, `bench-quick` and `bench-soak`: measure, print tables, write results.

    python -m benchmarks [--quick | --soak] [--streams DIRECTORY] [--only PART ...]

Without a directory of recordings those of `make streams` are used, and recorded where they are
missing. A part that fails is told, the others go on, and the exit status is 1.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    containers,
    decode,
    fleet,
    handover,
    latency,
    live,
    observations,
    remotes,
    report,
    soak,
    start,
    streams,
)
from benchmarks.report import Measured

Part = Callable[[], Measured]
QUICK_DECODED = ("desk-tight", "game-tightjpeg")
LIGHT = ("game-zrle", "game-tight")
FLEET = ("game-zrle", "game-tightjpeg", "desk-tight", "desk-tightjpeg")
OBSERVED = ("video-tightjpeg", "desk-tight", "game-zrle")


class Streams:
    """The recordings, by name.

    Raises:
        SystemExit: there are none.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory or streams.DIRECTORY
        found = sorted(self.directory.glob("*.rfb"))
        if not found and directory is None:
            found = streams.record_all()
        if not found:
            raise SystemExit(f"no recordings (NAME.rfb) are in {directory}")
        self._paths = {path.stem: path for path in found}

    def __call__(self, *names: str) -> list[Path]:
        """Those of the names that are there; all where none is."""
        return [self._paths[name] for name in names if name in self._paths] or list(
            self._paths.values()
        )


def all_parts(recorded: Streams, lean: list[Path]) -> dict[str, Part]:
    """Everything: 20 minutes."""
    return {
        "decode": lambda: Measured(decode.measure(recorded.directory, lean, 0.7)),
        "handover": lambda: handover.measure(seconds=240),
        "fleet": lambda: fleet.measure(recorded(*FLEET), seconds=8),
        "live": live.measure,
        "latency": lambda: latency.measure(keys=120),
        "start and memory": lambda: start.measure(recorded(*LIGHT)[0]),
        "observations": lambda: Measured(observations.measure(recorded(*OBSERVED), rounds=3)),
        "desktops of ours": lambda: Measured(remotes.measure()),
        "containers": lambda: Measured(containers.measure()),
    }


def quick_parts(recorded: Streams, lean: list[Path]) -> dict[str, Part]:
    """A look at each: 2 minutes."""
    return {
        "decode": lambda: Measured(
            decode.figures(list(decode.measure_all(recorded(*QUICK_DECODED), lean, 0.3)))
        ),
        "handover": lambda: handover.measure((20,), rounds=2, seconds=15),
        "fleet": lambda: fleet.measure(recorded(*LIGHT)[:1], seconds=4, highest=0),
        "live": lambda: live.measure(3, ("video",)),
        "latency": lambda: latency.measure(60, round_trips_ms=(0,)),
        "start and memory": lambda: start.measure(recorded(*LIGHT)[0], (8,), 3),
    }


def soak_parts(recorded: Streams, lean: list[Path]) -> dict[str, Part]:
    """Memory: 10 minutes."""
    return {"soak": lambda: soak.measure(recorded(*LIGHT))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", dest="parts", action="store_const", const=quick_parts)
    kinds.add_argument("--soak", dest="parts", action="store_const", const=soak_parts)
    parser.add_argument("--streams", type=Path, metavar="DIRECTORY")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART")
    parser.add_argument("--lean", type=Path, action="append", default=[], metavar="PATH")
    parser.set_defaults(parts=all_parts)
    asked = parser.parse_args()
    described = report.machine()
    parts: dict[str, Part] = asked.parts(Streams(asked.streams), asked.lean)
    if unknown := set(asked.only) - set(parts):
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(parts)}")
    found, failed = {}, []
    for name, measure in parts.items():
        if asked.only and name not in asked.only:
            continue
        began_s = time.monotonic()
        print(f"== {name}", flush=True)
        try:
            found[name] = measure()
        except (Exception, SystemExit):
            traceback.print_exc()
            failed.append(name)
            continue
        report.show(found[name].figures)
        print(f"{time.monotonic() - began_s:.0f} s\n", flush=True)
    print(f"written to {report.write(described, found)}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

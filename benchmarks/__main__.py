"""`make bench`, `bench-quick` and `bench-soak`: measure, print tables, write results.

    python -m benchmarks [--quick | --soak] [--streams DIRECTORY] [--lean PATH] [--only PART ...]

Without a directory of recordings those of `make streams` are used, and recorded where they are
missing, before the first part: in 3 minutes, or, for a quick run, three short ones in 15 s. Each
part has a time of its own, and what those before it left over; a part that is still at it then is
ended. What it has found until then is kept, as it is where a part fails; the others go on, and the
exit status is 1. Ctrl-C ends it with what there is. All of it is written to results/latest.json,
too; the soak to results/soak.json.
"""

import argparse
import functools
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    command,
    containers,
    decode,
    depth,
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
from benchmarks.report import Found, Measured

QUICK_DECODED = ("desk-tight", "game-tightjpeg")
QUICK_FLEET = ("game-zrle",)
QUICK_RECORDED = {*QUICK_DECODED, *QUICK_FLEET}
QUICK_DIRECTORY = streams.DIRECTORY.with_name("streams-quick")
QUICK_RECORDED_S = 3.0
LIGHT = ("game-zrle", "game-tight")
FLEET = ("game-zrle", "game-tightjpeg", "desk-tight", "desk-tightjpeg")
OBSERVED = ("video-tightjpeg", "desk-tight", "game-zrle")
PLAYS = {"decode", "fleet", "start and memory", "observations", "soak"}
"""The parts that need recordings."""
RESERVE = 0.9
"""Of its time, what a part may plan with."""


class OutOfTime(Exception):
    """A part has used up its time."""


@dataclass(frozen=True)
class Part:
    """A benchmark.

    Args:
        seconds: its time.
        measure: yields what it finds, given how much time it may plan with.
    """

    seconds: float
    measure: Callable[[float], Iterable[Found]]


class Streams:
    """The recordings, by name; ours are made when they are first asked for.

    Args:
        directory: of recordings; None: ours.
        quick: where there are none of ours, the few that a quick run plays are enough.

    Raises:
        SystemExit: there are none in the directory that was named.
    """

    def __init__(self, directory: Path | None, quick: bool = False) -> None:
        self._directory = directory or streams.DIRECTORY
        self._quick = quick
        if directory is not None and not _recorded(directory):
            raise SystemExit(f"no recordings (NAME.rfb) are in {directory}")

    @functools.cached_property
    def directory(self) -> Path:
        """Where they lie."""
        if _recorded(self._directory):
            return self._directory
        if not self._quick:
            streams.record_all(self._directory)
            return self._directory
        if not _recorded(QUICK_DIRECTORY):
            streams.record_all(QUICK_DIRECTORY, QUICK_RECORDED_S, QUICK_RECORDED)
        return QUICK_DIRECTORY

    def __call__(self, *names: str) -> list[Path]:
        """Those of the names that are there; all where none is."""
        paths = {path.stem: path for path in sorted(self.directory.glob("*.rfb"))}
        return [paths[name] for name in names if name in paths] or list(paths.values())


def _recorded(directory: Path) -> bool:
    return any(directory.glob("*.rfb"))


def all_parts(recorded: Streams, lean: Sequence[Path]) -> dict[str, Part]:
    """Everything: 20 minutes."""
    return {
        "decode": Part(180, lambda s: decode.measure(recorded(), lean, cpu_s=1.0, budget_s=s)),
        "handover": Part(240, lambda s: handover.measure(seconds=s)),
        "depth": Part(40, lambda _: depth.measure()),
        "fleet": Part(240, lambda s: fleet.measure(recorded(*FLEET), seconds=8, budget_s=s)),
        "live": Part(90, lambda _: live.measure()),
        "latency": Part(160, lambda _: latency.measure(keys=200)),
        "start and memory": Part(80, lambda _: start.measure(recorded(*LIGHT)[0])),
        "observations": Part(40, lambda _: observations.measure(recorded(*OBSERVED), rounds=3)),
        "desktops of ours": Part(30, lambda _: remotes.measure()),
        "containers": Part(100, lambda _: containers.measure()),
    }


def quick_parts(recorded: Streams, lean: Sequence[Path]) -> dict[str, Part]:
    """A look at each: 2 minutes, with the recordings where they are missing."""
    return {
        "decode": Part(20, lambda s: decode.measure(recorded(*QUICK_DECODED), lean, 0.3, s)),
        "handover": Part(25, lambda _: handover.measure((20,), rounds=2, seconds=15)),
        "fleet": Part(15, lambda _: fleet.measure(recorded(*QUICK_FLEET), seconds=4, highest=0)),
        "live": Part(15, lambda _: live.measure(3, live.QUICK)),
        "latency": Part(15, lambda _: latency.measure(60, (60,), (0,))),
        "start and memory": Part(15, lambda _: start.measure(recorded(*QUICK_FLEET)[0], (8,), 3)),
    }


def soak_parts(recorded: Streams, lean: Sequence[Path]) -> dict[str, Part]:
    """Memory: 10 minutes."""
    return {"soak": Part(720, lambda _: soak.measure(recorded(*FLEET, "video-tightjpeg")))}


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in what runs, after so many seconds."""

    def ring(*_: object) -> None:
        raise OutOfTime(f"ended after its {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(parts: dict[str, Part]) -> tuple[dict[str, Measured], list[str]]:
    """Measure part by part, and print.

    Returns:
        What each has found, and those that failed or were ended, which notes of theirs say. After
        Ctrl-C no other begins.
    """
    found: dict[str, Measured] = {}
    failed = []
    interrupted = False
    until_s = time.monotonic()
    for name, part in parts.items():
        began_s = time.monotonic()
        until_s += part.seconds
        measured = found[name] = Measured()
        print(f"== {name}", flush=True)
        try:
            with ended_after(until_s - began_s):
                measured.take(part.measure(RESERVE * part.seconds))
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            if not isinstance(error, OutOfTime | KeyboardInterrupt | SystemExit):
                traceback.print_exc()
            interrupted = isinstance(error, KeyboardInterrupt)
            why = "interrupted" if interrupted else str(error) or type(error).__name__
            measured.notes.append(f"not all was measured: {why}")
            failed.append(name)
        measured.seconds = time.monotonic() - began_s
        report.show(measured)
        print(f"{measured.seconds:.0f} s of {part.seconds:g}\n", flush=True)
        if interrupted:
            break
    return found, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", action="store_true")
    kinds.add_argument("--soak", action="store_true")
    parser.add_argument("--streams", type=Path, metavar="DIRECTORY")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART")
    parser.add_argument("--lean", type=Path, action="append", default=[], metavar="PATH")
    asked = parser.parse_args()
    report.check_writable()
    described = report.machine()
    make = quick_parts if asked.quick else soak_parts if asked.soak else all_parts
    recorded = Streams(asked.streams, asked.quick)
    parts = make(recorded, asked.lean)
    if unknown := set(asked.only) - set(parts):
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(parts)}")
    parts = {name: part for name, part in parts.items() if name in (asked.only or parts)}
    if PLAYS & set(parts):
        print(f"recordings: {recorded.directory}", flush=True)
    found, failed = run(parts)
    part_of_it = asked.quick or asked.only or len(found) < len(parts)
    kept = None if part_of_it else "soak" if asked.soak else "latest"
    print(f"written to {report.write(described, found, kept)}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    command.run(main)

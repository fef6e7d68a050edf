"""When the machine ran nobody, by processes that only sleep, one a core, before all others in rank.

A virtual machine's host takes its cores away now and then. A process of real-time priority is
delayed by nothing else, so that where it wakes late, nobody could have been on time.
"""

import argparse
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import start, whole
from envserver.demo import RETURN_WITHIN_NS

PERIOD_NS = 2_000_000
LATE_NS = 2_000_000
"""A wake-up so late is a stall."""
FRAME_NS = 16_666_667
BEGUN = "begun\n"


class Stalls:
    """Watch while the context lasts.

    Attributes:
        spans_ns: int64 (k, 2), CLOCK_MONOTONIC: from when to when a core ran nobody, after the
            context has ended; None where a process may not have that priority.
    """

    def __init__(self) -> None:
        self.spans_ns: NDArray[np.int64] | None = None
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for core in sorted(os.sched_getaffinity(0)):
            self._processes.append(
                start(
                    [sys.executable, "-m", "benchmarks.stalls", str(core)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=Path(__file__).parents[1],
                )
            )
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == BEGUN
        return self

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        found = [json.loads(process.communicate()[0]) for process in self._processes]
        if None not in found:
            spans = [span for spans in found for span in spans]
            self.spans_ns = np.array(spans, np.int64).reshape(-1, 2)

    @property
    def total_ms(self) -> float:
        """How long the stalls were together; on two cores at once they count twice."""
        return 0.0 if self.spans_ns is None else float(np.diff(self.spans_ns).sum() / 1e6)

    def near(self, ticks_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these times have a stall in the frame before, or while a tick may return."""
        if self.spans_ns is None:
            return np.zeros(len(ticks_ns), np.bool_)
        begun = self.spans_ns[:, :1] < ticks_ns + RETURN_WITHIN_NS
        found = begun & (self.spans_ns[:, 1:] > ticks_ns - FRAME_NS)
        return np.asarray(found.any(axis=0))


def watch(core: int) -> list[tuple[int, int]] | None:
    """Sleep on one core until stdin ends; when it was not woken in time."""
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return None
    finally:
        print(BEGUN, end="", flush=True)
    spans = []
    now_ns = time.monotonic_ns()
    ended = False
    while not ended:
        ended = bool(select.select([sys.stdin], [], [], PERIOD_NS / 1e9)[0])
        due_ns, now_ns = now_ns + PERIOD_NS, time.monotonic_ns()
        if now_ns - due_ns > LATE_NS:
            spans.append((due_ns, now_ns))
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("core", type=whole(0))
    found = json.dumps(watch(parser.parse_args().core))
    with contextlib.suppress(BrokenPipeError):
        print(found, flush=True)


if __name__ == "__main__":
    main()

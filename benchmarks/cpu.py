"""The processor time of processes, to the nanosecond."""

from collections.abc import Iterable
from pathlib import Path

import psutil


def spent_s(pids: Iterable[int]) -> float:
    """What the threads of these processes that still live have used, in CPU seconds."""
    total_ns = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def private_mb(pid: int) -> float:
    """The memory that nobody shares with this process (Private_*), in 2**20 bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024

"""The processor time that a tree of processes uses.  [I/O]"""

import time

import psutil


class TreeClock:
    """User and system time of every process below `root_pid`, itself excluded.

    What a process used counts as long as it lives; one that started after `start` counts whole.
    """

    def __init__(self, root_pid: int) -> None:
        self._root = psutil.Process(root_pid)
        self._before: dict[psutil.Process, float] = {}
        self._started_s = time.monotonic()

    def start(self) -> None:
        """Begin to count."""
        self._before = self._read()
        self._started_s = time.monotonic()

    def cores(self) -> float:
        """How many cores were busy since `start`, on average."""
        used = {
            process: spent - self._before.get(process, 0.0)
            for process, spent in self._read().items()
        }
        return sum(used.values()) / max(time.monotonic() - self._started_s, 1e-9)

    def _read(self) -> dict[psutil.Process, float]:
        found: dict[psutil.Process, float] = {}
        for process in self._root.children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.Error:  # it ended meanwhile
                continue
            found[process] = times.user + times.system
        return found

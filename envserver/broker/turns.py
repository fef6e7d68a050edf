"""Whose turn it is to start a worker: a few at a time, in the whole daemon.

An interpreter that imports keeps a core busy. Where many do at once they take the processors from
the daemon and from workers that step already, and none is ready sooner.

Theory of operation: each worker asks for a turn, and gives it back once it has started or will not.
Its rank is how many turns the same session then has, in use or waited for, and the lowest goes
first: a session's first worker, or the one that crashed, is not behind hundreds of another session.
A turn that is not given back in time is taken: one slow worker stops no others.
"""

import asyncio
import contextlib
import heapq
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Hashable
from pathlib import Path

LEAST_AT_ONCE = 4
AT_ONCE_PER_CORE = 2
"""One may wait for the disk, or for the daemon, while another computes."""
LONGEST_TURN_S = 5.0
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Of the control group that a container is: microseconds of processor time, and in how many."""


def usable_cores(limit: Path = CPU_LIMIT) -> int:
    """How many cores this process and its workers may keep busy."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
        time_us, period_us = map(int, limit.read_text().split())
        cores = min(cores, math.ceil(time_us / period_us))
    return cores


class Turn:
    """What one worker asked for.

    Attributes:
        came: done when it is this worker's turn.
    """

    def __init__(self, give_back: "Callable[[Turn], None]") -> None:
        self.came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._give_back = give_back

    def give_back(self) -> None:
        """Let the next one start; also for a turn that did not come, and a second time."""
        self._give_back(self)


class Turns:
    """The turns of one daemon.

    Args:
        at_once: how many workers start at the same time.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._left = at_once or max(LEAST_AT_ONCE, AT_ONCE_PER_CORE * usable_cores())
        self._sessions: dict[Turn, Hashable] = {}
        self._outstanding: Counter[Hashable] = Counter()
        self._taken: dict[Turn, asyncio.TimerHandle] = {}
        self._queue: list[tuple[int, int, Turn]] = []
        self._numbers = itertools.count()

    def ask(self, session: Hashable) -> Turn:
        """Ask for a turn, which may come at once."""
        turn = Turn(self._given_back)
        heapq.heappush(self._queue, (self._outstanding[session], next(self._numbers), turn))
        self._sessions[turn] = session
        self._outstanding[session] += 1
        self._go_on()
        return turn

    def _given_back(self, turn: Turn) -> None:
        session = self._sessions.pop(turn, None)
        if session is None:
            return
        self._outstanding[session] -= 1
        if not self._outstanding[session]:
            del self._outstanding[session]
        timer = self._taken.pop(turn, None)
        if timer is not None:
            timer.cancel()
            self._left += 1
            self._go_on()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while self._left and self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if turn not in self._sessions:  # given back before it came
                continue
            self._left -= 1
            self._taken[turn] = loop.call_later(LONGEST_TURN_S, turn.give_back)
            if not turn.came.done():
                turn.came.set_result(None)

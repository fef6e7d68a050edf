"""Stalls of the machine: watchers that were stopped see one, and ticks near one are told."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from benchmarks.stalls import FRAME_NS, Stalls
from envserver.demo import RETURN_WITHIN_NS

MS = 1_000_000
STOPPED_NS = 30 * MS


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def may_have_the_priority() -> bool:
    """CAP_SYS_NICE, bit 23 of the effective capabilities."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (effective,) = (line.split()[1] for line in lines if line.startswith("CapEff"))
    return bool(int(effective, 16) >> 23 & 1)


def test_watchers_that_were_stopped_tell_from_when_to_when() -> None:
    with Stalls() as stalls:
        for pid in stalls.pids:
            os.kill(pid, signal.SIGSTOP)
        while not all(is_stopped(pid) for pid in stalls.pids):
            pass
        begun_ns = ended_ns = time.monotonic_ns()
        while ended_ns < begun_ns + STOPPED_NS:
            ended_ns = time.monotonic_ns()
        for pid in stalls.pids:
            os.kill(pid, signal.SIGCONT)
    if not may_have_the_priority():
        assert stalls.spans_ns is None
        return
    assert stalls.spans_ns is not None
    begun, ended = stalls.spans_ns.T
    # One was to wake 2 ms after it slept last, at the latest.
    covering = (begun <= begun_ns + 2 * MS) & (ended >= ended_ns)
    assert np.count_nonzero(covering) == len(stalls.pids)
    assert stalls.total_ms >= (STOPPED_NS / MS - 2) * len(stalls.pids)


def test_ticks_near_a_stall_are_told() -> None:
    stalls = Stalls()
    stalls.spans_ns = np.array([[100 * MS, 110 * MS]])
    before, after = 100 * MS - RETURN_WITHIN_NS, 110 * MS + FRAME_NS
    found = stalls.near(np.array([before, before + 1, after - 1, after]))
    assert found.tolist() == [False, True, True, False]


def test_without_the_priority_nothing_is_excused() -> None:
    stalls = Stalls()
    assert not stalls.near(np.arange(3)).any()
    assert stalls.total_ms == 0

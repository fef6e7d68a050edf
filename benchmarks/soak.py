"""Whether memory grows: `python -m benchmarks.soak --streams FILE... [--n 20] [--minutes 10]`.

Desktops play recordings. A trainer steps them at 60 frames a second, first one half of them, a
session in RGB, then the other, a session of small grey observations, and resets all each time; the
workers of the half that waits keep what their servers send meanwhile. The private memory of
trainer, daemon and workers is noted again and again; after the first fifth of the time, in which
buffers find their sizes, it must not grow.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import envserver
from benchmarks import command
from benchmarks.cpu import private_mb
from benchmarks.fleet import step_for
from benchmarks.fleet_server import FleetServer
from benchmarks.recording import Recording
from benchmarks.report import Figure, Found, Series, show_found
from benchmarks.start import look_at_all, workers_of
from envserver.client import Client
from envserver.vector_env import VectorEnv

FPS = 60.0
SESSIONS: dict[str, dict[str, Any]] = {
    "an RGB worker": {},
    "a grey worker": {"size": (84, 84), "color": "gray"},
}
ROUND_S = 3.0
WARM_UP_SHARE = 0.2
MOST_GROWTH_MB = 1.0
"""A process, from the end of the warm-up on."""


def measure(streams: Sequence[Path], num_envs: int = 20, minutes: float = 10.0) -> Iterator[Found]:
    """What each process grew by, and the lines of it."""
    noted: dict[str, list[tuple[float, float]]] = {}
    try:
        run(streams, num_envs, minutes, noted)
    finally:
        # What was noted until it failed, too.
        for who, points in noted.items():
            reached = points[-1][0]
            name = f"soak, {reached:.0f} minutes: growth of {who}"
            yield Figure(name, growth(points), "MB", at_most=MOST_GROWTH_MB)
        for who, points in noted.items():
            yield Series("soak: private memory", who, "MB", points)


def run(
    streams: Sequence[Path],
    num_envs: int,
    minutes: float,
    noted: dict[str, list[tuple[float, float]]],
) -> None:
    """Step for so long; `noted` gets minutes and private memory in MB, by whose it is."""
    recordings = [Recording.load(path) for path in streams]
    with ExitStack() as stack:
        server = stack.enter_context(FleetServer(recordings, num_envs, FPS))
        client = stack.enter_context(Client(private=True))
        assert client.daemon_pid is not None
        sessions: dict[str, VectorEnv] = {}
        half = num_envs // 2
        for (who, asked), ports in zip(
            SESSIONS.items(), (server.ports[:half], server.ports[half:]), strict=True
        ):
            remotes = "vnc://" + ",".join(f"127.0.0.1:{port}" for port in ports)
            envs = envserver.make_vec(remotes=remotes, fps=FPS, client=client, **asked)
            sessions[who] = stack.enter_context(envs)
        workers = {who: workers_of(envs) for who, envs in sessions.items()}
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < minutes * 60:
            for envs in sessions.values():
                envs.reset()
                step_for(envs, ROUND_S)
                look_at_all(envs)
            found = {"the trainer": [os.getpid()], "the daemon": [client.daemon_pid]} | workers
            for who, pids in found.items():
                size_mb = sum(private_mb(pid) for pid in pids) / len(pids)
                noted.setdefault(who, []).append((passed_s / 60, size_mb))
        if {who: workers_of(envs) for who, envs in sessions.items()} != workers:
            raise RuntimeError("a worker was replaced meanwhile")


def growth(points: Sequence[tuple[float, float]]) -> float:
    """What was added since the warm-up, in MB, by the median slope of all pairs.

    What a process has for a moment, some MB in one note out of four, is no growth.
    """
    settled = np.array(points[int(len(points) * WARM_UP_SHARE) :])
    if len(settled) < 2:
        return 0.0
    first, second = np.triu_indices(len(settled), 1)
    minutes, size_mb = (settled[second] - settled[first]).T
    return float(np.median(size_mb / minutes) * (settled[-1, 0] - settled[0, 0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", nargs="+", type=Path, required=True)
    parser.add_argument("--n", type=command.whole(2), default=20)
    parser.add_argument("--minutes", type=command.positive, default=10.0)
    asked = parser.parse_args()
    show_found(measure(asked.streams, asked.n, asked.minutes))


if __name__ == "__main__":
    command.run(main)

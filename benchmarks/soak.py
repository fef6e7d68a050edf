"""Whether memory grows: `python -m benchmarks.soak --streams FILE... [--n 20] [--minutes 10]`.

Desktops play recordings, a trainer steps them at 60 frames a second and resets all every few
seconds. The private memory of trainer, daemon and workers is noted again and again; after the first
fifth of the time, in which buffers find their sizes, it must not grow.
"""

import argparse
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import envserver
from benchmarks.cpu import private_mb
from benchmarks.fleet import step_for
from benchmarks.fleet_server import FleetServer
from benchmarks.recording import Recording
from benchmarks.report import Figure, Measured, Series, show
from benchmarks.start import look_at_all, workers_of
from envserver.client import Client

FPS = 60.0
ROUND_S = 5.0
WARM_UP_SHARE = 0.2
MOST_GROWTH_MB = 1.0
"""A process, from the end of the warm-up on, by a line through all that was noted."""


def measure(streams: Sequence[Path], num_envs: int = 20, minutes: float = 10.0) -> Measured:
    recordings = [Recording.load(path) for path in streams]
    noted: dict[str, list[tuple[float, float]]] = {"trainer": [], "daemon": [], "a worker": []}
    with ExitStack() as stack:
        server = stack.enter_context(FleetServer(recordings, num_envs, FPS))
        client = stack.enter_context(Client(private=True))
        envs = envserver.make_vec(remotes=server.remotes, fps=FPS, client=client)
        with envs:
            assert client.daemon_pid is not None
            workers = workers_of(envs)
            began_s = time.monotonic()
            while (passed_s := time.monotonic() - began_s) < minutes * 60:
                envs.reset()
                step_for(envs, ROUND_S)
                look_at_all(envs)
                worker_mb = sum(private_mb(pid) for pid in workers) / num_envs
                found = {
                    "trainer": private_mb(os.getpid()),
                    "daemon": private_mb(client.daemon_pid),
                    "a worker": worker_mb,
                }
                for who, size_mb in found.items():
                    noted[who].append((passed_s / 60, size_mb))
            if workers_of(envs) != workers:
                raise RuntimeError("a worker was replaced meanwhile")
    figures = [
        Figure(f"soak, {minutes:g} minutes: growth of {who}", growth(points), "MB", MOST_GROWTH_MB)
        for who, points in noted.items()
    ]
    return Measured(
        figures,
        [Series("soak: private memory", who, "MB", points) for who, points in noted.items()],
    )


def growth(points: Sequence[tuple[float, float]]) -> float:
    """What was added since the warm-up, in MB, by the line of least squares."""
    settled = np.array(points[int(len(points) * WARM_UP_SHARE) :])
    if len(settled) < 2:
        return 0.0
    slope = np.polyfit(settled[:, 0], settled[:, 1], 1)[0]
    return float(slope * (settled[-1, 0] - settled[0, 0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", nargs="+", type=Path, required=True)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    asked = parser.parse_args()
    show(measure(asked.streams, asked.n, asked.minutes).figures)


if __name__ == "__main__":
    main()

"""How soon workers are ready, and what memory they and a session take.

    python -m benchmarks.start --stream FILE [--num-envs 8 20 256]

The workers connect to desktops that play a recording of 1024x768 (fleet_server.py), so that the
time is that of the workers and the daemon alone; eight desktops of ours (gym-core), servers and
all, are measured beside them. Private memory is what a process shares with nobody (Private_*),
after some seconds of ticks.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

import envserver
from benchmarks.command import positive, run, whole
from benchmarks.cpu import private_mb, spent_s, tree
from benchmarks.fleet import step_for
from benchmarks.fleet_server import FleetServer
from benchmarks.recording import Recording
from benchmarks.report import Figure, Found, show_found
from envserver.client import Client
from envserver.session import Session
from envserver.vector_env import VectorEnv

READY_S = {8: 2.0, 256: 60.0}
WORKER_MB = 25.0
FPS = 60.0
PAGE_BYTES = 4096
STARTING_FPS = 1.0


def workers_of(envs: VectorEnv) -> list[int]:
    session = envs.session
    assert isinstance(session, Session)
    return [int(worker["pid"]) for worker in session.status()["workers"]]


def look_at_all(envs: VectorEnv) -> None:
    """Read something of every page of every slot, as a trainer does.

    Until then rows count as memory of the worker alone, who alone has touched them.
    """
    session = envs.session
    assert isinstance(session, Session)
    for _ in range(session.spec.slots):
        observations = envs.step([[]] * envs.num_envs)[0]
        for row in observations:
            row.reshape(-1)[::PAGE_BYTES].sum()


def started(recording: Recording, num_envs: int, seconds: float) -> Iterator[Figure]:
    """Start, step, look at and close `num_envs` workers.

    Args:
        seconds: for so long they step at 60 frames a second; 0: some steps, of pictures that hardly
            change, since what pictures cost while others still start is no part of a start.
    """
    with FleetServer([recording], num_envs, FPS if seconds else STARTING_FPS) as server:
        before_s = spent_s([os.getpid()])
        began_s = time.monotonic()
        with Client(private=True) as client:
            envs = envserver.make_vec(remotes=server.remotes, fps=FPS, client=client)
            with envs:
                ready_s = time.monotonic() - began_s
                workers = workers_of(envs)
                used_s = spent_s(tree(os.getpid())) - before_s - spent_s([server.pid])
                assert client.daemon_pid is not None
                daemon_s = spent_s([client.daemon_pid])
                at_most = READY_S.get(num_envs)
                yield Figure(f"{num_envs} workers: ready after", ready_s, "s", at_most=at_most)
                yield Figure("  processor time until then, daemon and all", used_s, "s")
                yield Figure("  of the daemon alone", daemon_s, "s")
                envs.reset()
                step_for(envs, seconds)
                look_at_all(envs)
                workers_mb = [private_mb(pid) for pid in workers]
                segment_mb = os.fstat(envs.session.segment_fd).st_size / (1 << 20)
                at_most = WORKER_MB if num_envs == 8 else None
                median_mb = statistics.median(workers_mb)
                yield Figure("  private memory of a worker, median", median_mb, "MB", at_most)
                yield Figure("  of all workers", sum(workers_mb), "MB")
                yield Figure("  of the daemon", private_mb(client.daemon_pid), "MB")
                yield Figure("  of the trainer", private_mb(os.getpid()), "MB")
                yield Figure("  the segment, shared", segment_mb, "MB")
                began_s = time.monotonic()
            yield Figure("  closed after", time.monotonic() - began_s, "s")
            if left := [pid for pid in workers if psutil.pid_exists(pid)]:
                raise RuntimeError(f"{len(left)} workers did not end with their session")


def desktops(num_envs: int = 8) -> Figure:
    """With servers of ours."""
    began_s = time.monotonic()
    with envserver.make_vec("gym-core.Pong-v0", num_envs=num_envs, provider="process"):
        ready_s = time.monotonic() - began_s
    return Figure(f"{num_envs} gym-core desktops and workers: ready after", ready_s, "s", at_most=2)


def measure(
    stream: Path, sizes: Sequence[int] = (8, 20, 256), seconds: float = 10.0
) -> Iterator[Found]:
    """The figures of all sizes; those above 100 hardly step."""
    recording = Recording.load(stream)
    yield desktops()
    for num_envs in sizes:
        yield from started(recording, num_envs, seconds if num_envs <= 100 else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", type=Path, required=True)
    parser.add_argument("--num-envs", type=whole(), nargs="+", default=(8, 20, 256))
    parser.add_argument("--seconds", type=positive, default=10.0)
    asked = parser.parse_args()
    show_found(measure(asked.stream, asked.num_envs, asked.seconds))


if __name__ == "__main__":
    run(main)

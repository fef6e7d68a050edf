"""Eight real remotes at 60 frames a second: ticks on time, start-up, and a worker's memory."""

import os
import statistics
import time

import envserver
from benchmarks.cpu import private_mb
from benchmarks.report import Figure
from envserver.cpu import TreeClock
from envserver.demo import run_demo
from envserver.session import Session

NUM_ENVS = 8


def measure(seconds: float = 15.0) -> list[Figure]:
    """Start, step and look at eight environments of runtime gym-core."""
    started_s = time.monotonic()
    envs = envserver.make_vec("gym-core.Pong-v0", num_envs=NUM_ENVS, fps=60, provider="process")
    ready_s = time.monotonic() - started_s
    assert isinstance(envs.session, Session)
    try:
        run = run_demo(
            envs, envs.session.spec, seconds, TreeClock(os.getpid()), lambda passed: None
        )
        workers = [int(worker["pid"]) for worker in envs.session.status()["workers"]]
        figures = run.figures
        return [
            Figure("8 gym-core remotes: ready after", ready_s, "s", at_most=3.0),
            Figure("  at 60 fps: ticks on time", figures["ticks_on_time"], "", at_least=0.99),
            Figure("  new frames a second", figures["updates_per_env_s"], "fps", at_least=55),
            Figure("  frame age p50", figures["frame_age_ms"]["p50"], "ms"),
            Figure("  frame age p99", figures["frame_age_ms"]["p99"], "ms"),
            Figure("  cores a remote, server and worker", figures["cpu_per_env"], ""),
            Figure(
                "  private memory of a worker",
                statistics.median(private_mb(pid) for pid in workers),
                "MB",
                at_most=40,
            ),
        ]
    finally:
        envs.close()

"""Many desktops at once: how many ticks are on time, and what that costs.

    python -m benchmarks.fleet --streams FILE... [--n 20] [--fps 60] [--seconds 10] [--most]

One compiled process plays recordings as n VNC servers, an update every 1/fps s each, in phases of
their own (fleet_server.py). A trainer steps all of them at fps. Printed are the share of ticks on
time (envserver.demo says what that is), how old the frames were that the trainer got, and what
everybody spent. At the end the recordings are played to their ends, and the trainer's array must be
equal to their last pictures. --most looks for how many desktops this machine carries before 1 % of
the ticks are late.
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import envserver
from benchmarks.cpu import spent_s
from benchmarks.fleet_server import FleetServer
from benchmarks.recording import Recording
from benchmarks.report import Figure, Measured, Series
from envserver.demo import Measurement
from envserver.due import AT
from envserver.session import Session
from envserver.vector_env import VectorEnv

WARM_UP_S = 2.0
SETTLE_S = 5.0
ON_TIME = 0.99
STEP_OF_MOST = 16


@dataclasses.dataclass(frozen=True)
class Run:
    """The figures of one run; cores are processor seconds a second."""

    streams: list[str]
    num_envs: int
    fps: float
    seconds: float
    ticks_on_time: float
    frame_age_p50_ms: float
    frame_age_p99_ms: float
    updates_per_env_s: float
    worker_cores: float
    trainer_cores: float
    server_cores: float
    server_skipped: int
    server_late_us: int
    late_rows: int
    missed_ticks: int
    ready_s: float
    equal: bool


def play(
    streams: Sequence[Recording],
    num_envs: int,
    fps: float,
    seconds: float,
    progress: Callable[[float], None] = lambda passed: None,
) -> Run:
    """Step `num_envs` desktops for a while."""
    with FleetServer(streams, num_envs, fps) as server:
        began_s = time.monotonic()
        envs = envserver.make_vec(remotes=server.remotes, fps=fps, start_timeout_s=300)
        with envs:
            ready_s = time.monotonic() - began_s
            envs.reset()
            step_for(envs, WARM_UP_S)
            session = envs.session
            assert isinstance(session, Session)
            workers = [int(worker["pid"]) for worker in session.status()["workers"]]
            before = server.counts()
            spent = [spent_s(pids) for pids in (workers, [os.getpid()], [server.pid])]
            missed = envs.missed_ticks
            measurement, late = step_for(envs, seconds, progress)
            worker_cores, trainer_cores, server_cores = (
                round((spent_s(pids) - used) / seconds, 4)
                for pids, used in zip((workers, [os.getpid()], [server.pid]), spent, strict=True)
            )
            after = server.counts()
            missed = envs.missed_ticks - missed
            equal = shows_the_ends(envs, server)
    age = measurement.frame_age_ms() or {"p50": float("nan"), "p99": float("nan")}
    return Run(
        streams=[recording.label for recording in streams],
        num_envs=num_envs,
        fps=fps,
        seconds=seconds,
        ticks_on_time=round(measurement.ticks_on_time(), 5),
        frame_age_p50_ms=age["p50"],
        frame_age_p99_ms=age["p99"],
        updates_per_env_s=round(measurement.updates_per_env_s(), 2),
        worker_cores=worker_cores,
        trainer_cores=trainer_cores,
        server_cores=server_cores,
        server_skipped=after.skipped - before.skipped,
        server_late_us=after.latest_us,
        late_rows=late,
        missed_ticks=missed,
        ready_s=round(ready_s, 2),
        equal=equal,
    )


def step_for(
    envs: VectorEnv, seconds: float, progress: Callable[[float], None] = lambda passed: None
) -> tuple[Measurement, int]:
    """Step at the session's ticks, a moved pointer each time; also how many rows were late."""
    fps = float(envs.metadata["render_fps"])
    measurement, late, moves = Measurement(envs.num_envs, fps), 0, 0
    began_ns = started_ns = time.monotonic_ns()
    while started_ns - began_ns < seconds * 1e9:
        moves += 1
        envs.send([[("PointerEvent", moves % 640, 100, 0)]] * envs.num_envs)
        batch = envs.recv()
        returned_ns = time.monotonic_ns()
        faults = int(np.count_nonzero(batch.infos.get("_fault", False)))
        measurement.tick(batch.records, faults, started_ns, returned_ns)
        late += int(np.count_nonzero(batch.records["late"]))
        started_ns = returned_ns
        progress((returned_ns - began_ns) / 1e9)
    if measurement.faults:
        raise RuntimeError(f"{measurement.faults} episodes were lost by faults")
    return measurement, late


def shows_the_ends(envs: VectorEnv, server: FleetServer) -> bool:
    """Whether the trainer's array comes to equal every recording's last picture."""
    longest = max(played.updates for played in server.played)
    until_s = time.monotonic() + 2 * longest / float(envs.metadata["render_fps"]) + SETTLE_S
    while server.halt().halted < envs.num_envs:
        if time.monotonic() > until_s:
            return False
        envs.step([[]] * envs.num_envs)
    until_s = time.monotonic() + SETTLE_S
    while time.monotonic() < until_s:
        envs.send([[]] * envs.num_envs, due=AT(time.monotonic_ns() + 50_000_000))
        observations = envs.recv().observations
        if all(np.array_equal(row, server.plays(env).last) for env, row in enumerate(observations)):
            return True
    return False


def most(
    streams: Sequence[Recording],
    fps: float,
    seconds: float,
    start: int = 128,
    highest: int = 256,
    say: Callable[[Run], None] = lambda run: None,
) -> tuple[int, list[Run]]:
    """How many desktops are carried with 99 % of the ticks on time; 0: not even STEP_OF_MOST."""
    runs: list[Run] = []

    def holds(num_envs: int) -> bool:
        run = play(streams, num_envs, fps, seconds)
        runs.append(run)
        say(run)
        return run.ticks_on_time >= ON_TIME

    low, high, guess = 0, highest + STEP_OF_MOST, start
    while high - low > STEP_OF_MOST:
        if holds(guess):
            low = guess
        else:
            high = guess
        further = low + max(STEP_OF_MOST, low // 4) if high > highest else (low + high) // 2
        guess = max(STEP_OF_MOST, min(further // STEP_OF_MOST * STEP_OF_MOST, highest))
        if guess in (low, high):
            break
    return low, runs


def measure(
    streams: Sequence[Path], seconds: float = 10.0, most_seconds: float = 5.0, highest: int = 256
) -> Measured:
    """20 desktops of the scenes "game" and "desk", and how many of "game" there can be.

    Args:
        highest: no more desktops are tried; 0: it is not looked for.
    """
    figures: list[Figure] = []
    named = {path.stem: path for path in streams}
    played = [name for name in named if name.startswith(("game", "desk"))]
    for name in played:
        run = play([Recording.load(named[name])], 20, 60, seconds)
        figures += [
            Figure(f"fleet {name}, 20 at 60 fps: on time", run.ticks_on_time, "", at_least=0.999),
            Figure("  frame age p50", run.frame_age_p50_ms, "ms"),
            Figure("  frame age p99", run.frame_age_p99_ms, "ms", at_most=20),
            Figure("  cores of the workers", run.worker_cores, ""),
            Figure("  cores of the trainer", run.trainer_cores, ""),
            Figure("  cores of the server", run.server_cores, ""),
            Figure("  the arrays equal the last pictures", float(run.equal), "", at_least=1),
        ]
    series = []
    games = [Recording.load(named[name]) for name in played if name.startswith("game")]
    if games and highest:
        number, runs = most(games, 60, most_seconds, highest=highest)
        figures.append(Figure("fleet game, most desktops at 60 fps", number, "", at_least=128))
        runs.sort(key=lambda run: run.num_envs)
        for line, unit, values in (
            ("ticks on time", "share", [run.ticks_on_time for run in runs]),
            ("cores of workers and trainer", "", [r.worker_cores + r.trainer_cores for r in runs]),
        ):
            points = [(float(run.num_envs), v) for run, v in zip(runs, values, strict=True)]
            series.append(Series(f"fleet game, {line}", line, unit, points))
    return Measured(figures, series)


def show(runs: Sequence[Run]) -> None:
    table = Table(*[field.name for field in dataclasses.fields(Run)])
    for run in runs:
        table.add_row(*(str(value) for value in dataclasses.asdict(run).values()))
    Console(width=220).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", nargs="+", type=Path, required=True)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--most", action="store_true", help="begin with --n and look for the most")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    streams = [Recording.load(path) for path in asked.streams]
    found: dict[str, Any] = {}
    if asked.most:
        found["most"], runs = most(streams, asked.fps, asked.seconds, asked.n)
    else:
        runs = [play(streams, asked.n, asked.fps, asked.seconds)]
    if asked.json:
        print(json.dumps(found | {"runs": [dataclasses.asdict(run) for run in runs]}, indent=1))
        return
    show(runs)
    if asked.most:
        print(f"{found['most']} desktops with {ON_TIME:.0%} of the ticks on time")


if __name__ == "__main__":
    main()

"""Many desktops at once: how many ticks are on time, and what that costs.

    python -m benchmarks.fleet --streams FILE... [--n 20] [--fps 60] [--seconds 10] [--most]

One compiled process plays recordings as n VNC servers, an update every 1/fps s each, in phases of
their own (fleet_server.py). A trainer steps all of them at fps. Printed are the share of ticks on
time (envserver.demo says what that is), the updates that came, how old the frames were that the
trainer got, and what everybody spent. At the end the recordings are played to their ends, and the
trainer's array must be equal to their last pictures. --most looks for how many desktops this
machine carries: 99 % of the ticks on time, 99 % of the updates there, and the pictures equal.
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import envserver
from benchmarks import command
from benchmarks.cpu import spent_s
from benchmarks.fleet_server import FleetServer
from benchmarks.recording import Recording
from benchmarks.report import Figure, Found, Series
from benchmarks.stalls import Stalls
from envserver.client import Client
from envserver.demo import Measurement
from envserver.due import AT
from envserver.errors import EnvServerError
from envserver.session import Session
from envserver.vector_env import VectorEnv

WARM_UP_S = 2.0
SETTLE_S = 5.0
ON_TIME = 0.99
ALL_CAME = 0.99
"""Of the updates that are played; the rest are cut off at both ends of what is measured."""
STEP_OF_MOST = 16
OUR_CORES = "cores of workers, trainer and daemon"


@dataclasses.dataclass(frozen=True)
class Run:
    """The figures of one run; cores are processor seconds a second."""

    streams: list[str]
    num_envs: int
    fps: float
    seconds: float
    ticks_on_time: float
    ticks_on_time_unstalled: float
    """Of those near which the machine did not stand still (stalls.py)."""
    stalled_ms: float
    """For how long it did, in all."""
    frame_age_p50_ms: float
    frame_age_p99_ms: float
    updates_per_env_s: float
    worker_cores: float
    trainer_cores: float
    daemon_cores: float
    server_cores: float
    server_skipped: int
    server_missed: int
    server_late_us: int
    late_rows: int
    missed_ticks: int
    ready_s: float
    equal: bool

    @property
    def carried(self) -> bool:
        """Whether this many desktops are no more than the machine carries."""
        came = self.updates_per_env_s >= ALL_CAME * self.fps
        return self.ticks_on_time >= ON_TIME and came and self.equal


def play(
    streams: Sequence[Recording],
    num_envs: int,
    fps: float,
    seconds: float,
    progress: Callable[[float], None] = lambda passed: None,
) -> Run:
    """Step `num_envs` desktops for a while; the recordings are of one size."""
    with FleetServer(streams, num_envs, fps) as server, Client(private=True) as client:
        began_s = time.monotonic()
        envs = envserver.make_vec(
            remotes=server.remotes,
            fps=fps,
            screen=(streams[0].width, streams[0].height),
            client=client,
            start_timeout_s=300,
        )
        with envs:
            ready_s = time.monotonic() - began_s
            envs.reset()
            step_for(envs, WARM_UP_S)
            session = envs.session
            assert isinstance(session, Session)
            workers = [int(worker["pid"]) for worker in session.status()["workers"]]
            assert client.daemon_pid is not None
            groups = (workers, [os.getpid()], [client.daemon_pid], [server.pid])
            before = server.counts()
            spent = [spent_s(pids) for pids in groups]
            missed = envs.missed_ticks
            with Stalls() as stalls:
                measurement, late = step_for(envs, seconds, progress)
            worker_cores, trainer_cores, daemon_cores, server_cores = (
                round((spent_s(pids) - used) / seconds, 4)
                for pids, used in zip(groups, spent, strict=True)
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
        ticks_on_time_unstalled=round(measurement.ticks_on_time(stalls.near), 5),
        stalled_ms=round(stalls.total_ms, 1),
        frame_age_p50_ms=age["p50"],
        frame_age_p99_ms=age["p99"],
        updates_per_env_s=round(measurement.updates_per_env_s(), 2),
        worker_cores=worker_cores,
        trainer_cores=trainer_cores,
        daemon_cores=daemon_cores,
        server_cores=server_cores,
        server_skipped=after.skipped - before.skipped,
        server_missed=after.missed - before.missed,
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


@dataclasses.dataclass
class Most:
    """What a search for the most desktops has found so far."""

    carried: int = 0
    """0: not even STEP_OF_MOST."""
    runs: list[Run] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def search(
        self,
        run: Callable[[int], Run],
        start: int = 128,
        highest: int = 256,
        until_s: float = float("inf"),
    ) -> None:
        """Look in steps of STEP_OF_MOST for the most that `run` carries.

        Args:
            run: plays so many desktops; if it fails, they were not carried.
            highest: no more are tried.
            until_s: no run begins that would end after this time.monotonic(), as long as the last.
        """
        high, guess, took_s = highest + STEP_OF_MOST, start, 0.0
        while high - self.carried > STEP_OF_MOST:
            began_s = time.monotonic()
            if began_s + took_s > until_s:
                self.notes.append(
                    f"the search for the most desktops ended at its time: {self.carried} were "
                    f"carried, {guess} were not tried"
                )
                return
            if self._holds(run, guess):
                self.carried = guess
            else:
                high = guess
            took_s = time.monotonic() - began_s
            step = max(STEP_OF_MOST, self.carried // 4)
            further = self.carried + step if high > highest else (self.carried + high) // 2
            guess = max(STEP_OF_MOST, min(further // STEP_OF_MOST * STEP_OF_MOST, highest))
            if guess in (self.carried, high):
                return

    def found(self) -> Iterator[Found]:
        """Figures, lines and notes."""
        yield from self.notes
        yield Figure("fleet game, most desktops at 60 fps", self.carried, "", at_least=128)
        runs = sorted(self.runs, key=lambda run: run.num_envs)
        for run in runs:
            name = f"  {run.num_envs} desktops"
            yield Figure(f"{name}: on time", run.ticks_on_time, "")
            unstalled = run.ticks_on_time_unstalled
            yield Figure(f"{name}: where the machine did not stand still", unstalled, "")
            yield Figure(f"{name}: updates a second, the fewest", run.updates_per_env_s, "")
            yield Figure(f"{name}: the arrays equal the last pictures", float(run.equal), "")
        for line, unit, values in (
            ("ticks on time", "share", [run.ticks_on_time for run in runs]),
            (OUR_CORES, "", [r.worker_cores + r.trainer_cores + r.daemon_cores for r in runs]),
        ):
            points = [(float(run.num_envs), v) for run, v in zip(runs, values, strict=True)]
            if points:
                yield Series(f"fleet game, {line}", line, unit, points)

    def _holds(self, run: Callable[[int], Run], num_envs: int) -> bool:
        try:
            self.runs.append(run(num_envs))
        except (EnvServerError, RuntimeError) as why:
            self.notes.append(f"{num_envs} desktops were not carried: {why}")
            return False
        return self.runs[-1].carried


def measure(
    streams: Sequence[Path],
    seconds: float = 10.0,
    most_seconds: float = 5.0,
    highest: int = 256,
    budget_s: float = 240.0,
) -> Iterator[Found]:
    """20 desktops of the scenes "game" and "desk", and how many of "game" there can be.

    Args:
        highest: no more desktops are tried; 0: it is not looked for.
        budget_s: for all of it; when it is over, the search ends with what it has.
    """
    until_s = time.monotonic() + budget_s
    named = {path.stem: path for path in streams}
    played = [name for name in named if name.startswith(("game", "desk"))]
    for name in played:
        run = play([Recording.load(named[name])], 20, 60, seconds)
        yield Figure(f"fleet {name}, 20 at 60 fps: on time", run.ticks_on_time, "", at_least=0.999)
        yield from run_figures(run)
    games = [Recording.load(named[name]) for name in played if name.startswith("game")]
    if not games or not highest:
        return
    most = Most()
    try:
        most.search(lambda n: play(games, n, 60, most_seconds), 128, highest, until_s)
    finally:
        # What was found until it failed, too.
        yield from most.found()


def run_figures(run: Run) -> Iterator[Figure]:
    """What belongs to the share of ticks on time."""
    unstalled = run.ticks_on_time_unstalled
    yield Figure("  of the ticks near which the machine did not stand still", unstalled, "")
    yield Figure("  it stood still for", run.stalled_ms, "ms")
    yield Figure("  updates a second, the fewest", run.updates_per_env_s, "")
    yield Figure("  frame age p50", run.frame_age_p50_ms, "ms")
    yield Figure("  frame age p99", run.frame_age_p99_ms, "ms", at_most=20)
    yield Figure("  cores of the workers", run.worker_cores, "")
    yield Figure("  cores of the trainer", run.trainer_cores, "")
    yield Figure("  cores of the daemon", run.daemon_cores, "")
    yield Figure("  cores of the server", run.server_cores, "")
    yield Figure("  turns that the server left out", run.server_skipped + run.server_missed, "")
    yield Figure("  the arrays equal the last pictures", float(run.equal), "", at_least=1)


def show(runs: Sequence[Run]) -> None:
    """A line a figure, a column a run."""
    table = Table("", *[str(run.num_envs) for run in runs])
    for field in dataclasses.fields(Run):
        table.add_row(field.name, *(str(getattr(run, field.name)) for run in runs))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", nargs="+", type=Path, required=True)
    parser.add_argument("--n", type=command.whole(), default=20)
    parser.add_argument("--fps", type=command.positive, default=60.0)
    parser.add_argument("--seconds", type=command.positive, default=10.0)
    parser.add_argument("--most", action="store_true", help="begin with --n and look for the most")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    streams = [Recording.load(path) for path in asked.streams]
    found: dict[str, Any] = {}
    if asked.most:
        most = Most()
        most.search(lambda n: play(streams, n, asked.fps, asked.seconds), asked.n)
        found["most"], runs = most.carried, most.runs
    else:
        runs = [play(streams, asked.n, asked.fps, asked.seconds)]
    if asked.json:
        print(json.dumps(found | {"runs": [dataclasses.asdict(run) for run in runs]}, indent=1))
        return
    show(runs)
    if asked.most:
        print("\n".join([*most.notes, f"{most.carried} desktops are carried"]))


if __name__ == "__main__":
    command.run(main)

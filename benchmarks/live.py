"""Real desktops: `python -m benchmarks.live [--asked "game, Raw"] [--n 40] [--seconds 10]`.

Each desktop is an Xvnc with a program (scenes.py) that draws 60 times a second. A trainer steps
all of them at 60 frames a second. Xvnc says nothing about when it sent what, so a tick is on time
if `recv` returned within 4 ms of it and no row was late; that says nothing of pictures, so that
desktops count as carried only if the one with the fewest brought 55 new frames a second, too. What
the servers, the programs and we spend is told apart. Where nothing lossy is asked for, the programs
are stopped at the end, and the trainer's array must equal each X server's framebuffer.
"""

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np

import envserver
from benchmarks.command import positive, run, start, whole
from benchmarks.cpu import spent_s, tree
from benchmarks.fleet import WARM_UP_S, step_for
from benchmarks.latency import ended
from benchmarks.record_goldens import server, x_picture
from benchmarks.report import Figure, Found, show_found
from benchmarks.start import workers_of
from envserver.due import QUIET
from envserver.vector_env import VectorEnv

WIDTH, HEIGHT, FPS = 1024, 768, 60.0


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is to be shown, by how many desktops, and how it is asked for."""

    scene: str
    num_envs: int
    vnc_kwargs: dict[str, object]
    lossless: bool


ASKED = {
    "video, Tight JPEG": Asked(
        "video", 5, {"encoding": "tight", "fine_quality_level": 50, "subsample_level": 2}, False
    ),
    # At compression levels 0 and 1 Xvnc does not compare its pictures before it sends them: cheaper
    # where all of it changes, dearer where a program paints again what was there.
    "video, Raw": Asked("video", 5, {"encoding": "raw", "compress_level": 1}, True),
    "game, Raw": Asked("game", 40, {"encoding": "raw"}, True),
}
QUICK = ("video, Tight JPEG",)
SETTLED = QUIET(300, 5000)
ON_TIME, NEW_FRAMES = 0.99, 55


@dataclasses.dataclass(frozen=True)
class Run:
    """The figures of some desktops; cores are processor seconds a second."""

    num_envs: int
    ticks_on_time: float
    new_frames_a_second: float
    worker_cores: float
    trainer_cores: float
    server_cores: float
    program_cores: float
    equal: bool | None
    """Whether the arrays equal the framebuffers; None where loss was asked for."""

    @property
    def carried(self) -> bool:
        return self.ticks_on_time >= ON_TIME and self.new_frames_a_second >= NEW_FRAMES


def play(asked: Asked, num_envs: int, seconds: float) -> Run:
    """Run `num_envs` desktops and step them for a while."""
    with ExitStack() as stack:
        ports, environments, programs = [], [], []
        for _ in range(num_envs):
            port, environment = stack.enter_context(
                server(WIDTH, HEIGHT, options=("-FrameRate", f"{FPS:g}"))
            )
            ports.append(port)
            environments.append(environment)
        servers = [pid for pid in tree(os.getpid()) if _name(pid) == "Xvnc"]
        for environment in environments:
            program = start(
                [sys.executable, "-m", "benchmarks.scenes", asked.scene],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            programs.append(stack.enter_context(ended(program)))
        for program in programs:
            assert program.stdout is not None
            assert program.stdout.readline() == "shown\n"
        remotes = "vnc://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        envs = envserver.make_vec(
            remotes=remotes, fps=FPS, vnc_kwargs=asked.vnc_kwargs, start_timeout_s=120
        )
        stack.enter_context(envs)
        envs.reset()
        step_for(envs, WARM_UP_S)
        pids = [program.pid for program in programs]
        groups = [workers_of(envs), [os.getpid()], servers, pids]
        before = [spent_s(group) for group in groups]
        measurement, _ = step_for(envs, seconds)
        cores = [
            round((spent_s(group) - used) / seconds, 4)
            for group, used in zip(groups, before, strict=True)
        ]
        equal = None
        if asked.lossless:
            _signal(pids, signal.SIGSTOP)
            stack.callback(_signal, pids, signal.SIGCONT)
            equal = equals(envs, environments)
        return Run(
            num_envs,
            round(measurement.ticks_on_time(), 4),
            round(measurement.seen_per_env_s(), 2),
            cores[0],
            cores[1],
            cores[2],
            cores[3],
            equal,
        )


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _name(pid: int) -> str:
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def equals(envs: VectorEnv, environments: Sequence[dict[str, str]]) -> bool:
    """Whether each row is its X server's framebuffer, once nothing changes any more."""
    envs.send([[]] * envs.num_envs, due=SETTLED)
    rows = envs.recv().observations
    return all(
        np.array_equal(row, x_picture(environment)[:, :, 2::-1])
        for row, environment in zip(rows, environments, strict=True)
    )


def measure(seconds: float = 10.0, names: Sequence[str] = tuple(ASKED)) -> Iterator[Found]:
    """Those of ASKED, at as many desktops as are to be reached with one of them."""
    carried = 0
    for name in names:
        run = play(ASKED[name], ASKED[name].num_envs, seconds)
        carried += run.carried
        yield from figures(name, run)
    yield Figure("live, so many of these carried", carried, "", at_least=1)


def figures(name: str, run: Run) -> Iterator[Figure]:
    """What was found of one scene."""
    label = f"live {name}, {run.num_envs} desktops at {FPS:g} fps"
    yield Figure(f"{label}: on time", run.ticks_on_time, "")
    yield Figure("  new frames a second, the fewest", run.new_frames_a_second, "fps")
    yield Figure(f"  carried: on time, and {NEW_FRAMES} new frames", float(run.carried), "")
    yield Figure("  cores of the workers", run.worker_cores, "")
    yield Figure("  cores of the trainer", run.trainer_cores, "")
    yield Figure("  cores of the servers", run.server_cores, "")
    yield Figure("  cores of the programs", run.program_cores, "")
    if run.equal is not None:
        yield Figure("  the arrays equal the framebuffers", float(run.equal), "", at_least=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asked", choices=ASKED)
    parser.add_argument("--n", type=whole(), help="how many desktops")
    parser.add_argument("--seconds", type=positive, default=10.0)
    given = parser.parse_args()
    if given.asked is None:
        show_found(measure(given.seconds))
        return
    asked = ASKED[given.asked]
    run = play(asked, given.n or asked.num_envs, given.seconds)
    show_found(figures(given.asked, run))


if __name__ == "__main__":
    run(main)

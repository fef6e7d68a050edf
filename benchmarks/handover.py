"""What it costs to hand a batch of screens to the trainer when 64x64 pixels of each changed.

Ours: the real workers over a synthetic screen source. The peer: Gymnasium's AsyncVectorEnv with
shared memory and copy=False, whose environments draw the same squares. Both live at the same time
and take turns of a few dozen steps, so that noise of the machine meets both. Each step is checked:
the colour of the square counts the steps.
"""

import dataclasses
import os
import statistics
import time
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu import spent_s, tree
from benchmarks.report import Figure
from envserver.client import open_session
from envserver.make import make_codec
from envserver.spec import SessionSpec
from envserver.vector_env import VectorEnv
from workers.synthetic import square_at

WIDTH, HEIGHT, PATCH_PX = 1024, 768, 64
TURN_STEPS = 40


class SquareEnv(gymnasium.Env[NDArray[np.uint8], np.int64]):
    """Draws what the synthetic screen source draws."""

    observation_space = gymnasium.spaces.Box(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self) -> None:
        self.screen = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.counter = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        return self.screen, {}

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        self.counter += 1
        x, y = square_at(self.counter, WIDTH, HEIGHT, PATCH_PX)
        self.screen[y : y + PATCH_PX, x : x + PATCH_PX] = colour(self.counter)
        return self.screen, 0.0, False, False, {}


def colour(counter: int) -> NDArray[np.uint8]:
    return np.array([counter >> 16 & 255, counter >> 8 & 255, counter & 255], np.uint8)


@dataclasses.dataclass
class Runner:
    """A vector environment that takes turns."""

    envs: Any
    actions: Any
    pids: list[int]
    counter: int = 0
    step_ms: list[float] = dataclasses.field(default_factory=list)
    cpu_us: list[float] = dataclasses.field(default_factory=list)

    def turn(self) -> None:
        """A few dozen steps; each row must show its step."""
        before_s = spent_s(self.pids)
        for _ in range(TURN_STEPS):
            started_ns = time.perf_counter_ns()
            observations = self.envs.step(self.actions)[0]
            self.step_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
            self.counter += 1
            x, y = square_at(self.counter, WIDTH, HEIGHT, PATCH_PX)
            shown = observations[:, y + PATCH_PX // 2, x + PATCH_PX // 2]
            if not (shown == colour(self.counter)).all():
                raise AssertionError(f"step {self.counter} shows {shown}")
        used_s = spent_s(self.pids) - before_s
        self.cpu_us.append(used_s / TURN_STEPS / len(self.actions) * 1e6)


def ours(num_envs: int) -> Runner:
    session = open_session(SessionSpec(num_envs=num_envs, source="synthetic", fps=None))
    session.wait_ready()
    envs = VectorEnv(session, make_codec(session))
    envs.reset()
    return Runner(envs, [[] for _ in range(num_envs)], tree(os.getpid()))


def gymnasium_async(num_envs: int) -> Runner:
    envs = gymnasium.vector.AsyncVectorEnv(
        [SquareEnv] * num_envs, shared_memory=True, copy=False, context="spawn"
    )
    envs.reset()
    pids = [os.getpid(), *(process.pid for process in envs.processes if process.pid is not None)]
    return Runner(envs, np.zeros(num_envs, np.int64), pids)


def batch_is_segment(envs: Any) -> bool:
    """Whether the batch's memory is the session's segment, by the addresses of its mapping."""
    batch = envs.step([[] for _ in range(envs.num_envs)])[0]
    address = batch.__array_interface__["data"][0]
    with open("/proc/self/maps") as maps:
        for line in maps:
            place, _, _, _, inode, *path = line.split()
            first, last = (int(number, 16) for number in place.split("-"))
            if first <= address < last:
                return int(inode) > 0 and "deleted" in path[-1]
    return False


def measure(num_envs: int = 20, turns: int = 15) -> list[Figure]:
    """Figures of both at `num_envs` environments, from interleaved turns."""
    runners = [ours(num_envs), gymnasium_async(num_envs)]
    try:
        for _ in range(turns):
            for runner in runners:
                runner.turn()
        own, peer = runners
        own_ms, peer_ms = statistics.median(own.step_ms), statistics.median(peer.step_ms)
        return [
            Figure(f"handover n={num_envs}: step p50", own_ms, "ms", at_most=1.0),
            Figure("  Gymnasium AsyncVectorEnv copy=False: step p50", peer_ms, "ms"),
            Figure("  times faster than Gymnasium", peer_ms / own_ms, "x", at_least=10),
            Figure("  CPU an env-step", statistics.median(own.cpu_us), "us"),
            Figure("  Gymnasium: CPU an env-step", statistics.median(peer.cpu_us), "us"),
            Figure("  the batch is the segment", float(batch_is_segment(own.envs)), "", at_least=1),
        ]
    finally:
        for runner in runners:
            runner.envs.close()

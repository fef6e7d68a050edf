"""One vector environment in a process of its own: `python -m benchmarks.engines NAME N`.

Ours (real workers over the synthetic screen source), its peers (environments that draw the same
patches), and a plain copy of the batch. The process says "ready" with the seconds it took, and then
answers lines [change, steps] with what those steps took, each a line of JSON. Each step is checked,
outside of what is measured: the colour of the patch counts the steps; at the end of each turn the
last environment's row must be what all patches so far have drawn. A peer that is not installed says
so.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import sys
import time
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu import spent_s, tree
from workers.synthetic import patch_at

WIDTH, HEIGHT = 1024, 768
CHANGES = {"64x64": (64, 64), "10 %": (324, 243), "100 %": (1024, 768)}
PATCHES = tuple(CHANGES.values())
Picture = NDArray[np.uint8]


class PatchEnv(gymnasium.Env[Picture, np.int64]):
    """Draws what the synthetic screen source draws; the action says how large a patch."""

    observation_space = gymnasium.spaces.Box(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(len(PATCHES))
    render_mode = None

    def __init__(self) -> None:
        self.screen = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.counter = 0
        self._line = np.zeros((WIDTH, 3), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Picture, dict[str, Any]]:
        super().reset(seed=seed)
        return self.screen, {}

    def step(self, action: np.int64) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        self.counter += 1
        draw(self.screen, self._line, self.counter, int(action))
        return self.screen, 0.0, False, False, {}


def draw(screen: Picture, line: Picture, counter: int, change: int) -> None:
    """Paint a patch whose colour is the counter, by copies of a line: as cheap as NumPy has it."""
    width, height = PATCHES[change]
    x, y = patch_at(counter, WIDTH, HEIGHT, width, height)
    for channel, shift in enumerate((16, 8, 0)):
        line[:width, channel] = counter >> shift & 255
    screen[y : y + height, x : x + width] = line[:width]


def colours(counters: NDArray[np.int64]) -> Picture:
    """R, G, B of the patches; uint8 (..., 3)."""
    return np.stack([counters >> shift & 255 for shift in (16, 8, 0)], axis=-1).astype(np.uint8)


class Engine(ABC):
    """A vector environment that is stepped with one change for all.

    Args:
        num_envs: how many.
    """

    needs = ""
    """The package that it is of."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.counters: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        """How many patches each environment has drawn."""
        self.drawn: list[int] = []
        """Their changes, since the last row was looked at as a whole."""
        self.actions = [np.full(num_envs, place, np.int64) for place in range(len(PATCHES))]

    @abstractmethod
    def step(self, change: int) -> Picture:
        """Step all; the batch of observations."""

    @abstractmethod
    def close(self) -> None: ...


class Ours(Engine):
    """Args: slots: as many as a session has if nothing is said, or so many."""

    def __init__(self, num_envs: int, slots: int | None = None) -> None:
        from envserver.client import open_session
        from envserver.codecs.acting import make_codec
        from envserver.spec import SessionSpec
        from envserver.vector_env import VectorEnv

        super().__init__(num_envs)
        spec = SessionSpec(num_envs=num_envs, source="synthetic", fps=None, start_timeout_s=300)
        spec = replace(spec, slots=slots or spec.slots)
        # Workers of a daemon that runs already would not be below this process.
        session = open_session(spec, private=True)
        session.wait_ready()
        self.envs = VectorEnv(session, make_codec(session))
        self.envs.reset()
        self._shown = -1
        self._nothing: list[list[Any]] = [[] for _ in range(num_envs)]
        # The row that answered the reset may have been a step, or not.
        corner = self.step(PATCHES.index((WIDTH, HEIGHT)))[:, 0, 0].astype(np.int64)
        self.counters = corner @ np.array([1 << 16, 1 << 8, 1], np.int64)
        self.drawn = [self._shown]
        workers = {int(worker["pid"]) for worker in session.status()["workers"]}
        assert workers <= set(tree(os.getpid())), "workers that are not below this process"

    def step(self, change: int) -> Picture:
        if change != self._shown:
            # From the next step on.
            width, height = PATCHES[change]
            self.envs.step([[("PointerEvent", width - 1, height - 1, 0)]] * self.num_envs)
            self.counters += 1
            self.drawn.append(self._shown)
            self._shown = change
        batch: Picture = self.envs.step(self._nothing)[0]
        return batch

    def batch_is_segment(self) -> bool:
        """Whether the batch's memory is the session's segment, by the addresses of its mapping."""
        address = self.step(max(self._shown, 0)).__array_interface__["data"][0]
        with open("/proc/self/maps") as maps:
            for line in maps:
                place, _, _, _, inode, *path = line.split()
                first, last = (int(number, 16) for number in place.split("-"))
                if first <= address < last:
                    return int(inode) > 0 and "deleted" in path[-1]
        return False

    def close(self) -> None:
        self.envs.close()


class GymnasiumAsync(Engine):
    copy = False

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.envs = gymnasium.vector.AsyncVectorEnv(
            [PatchEnv] * num_envs, shared_memory=True, copy=self.copy, context="fork"
        )
        self.envs.reset()

    def step(self, change: int) -> Picture:
        batch: Picture = self.envs.step(self.actions[change])[0]
        return batch

    def close(self) -> None:
        self.envs.close()


class GymnasiumCopy(GymnasiumAsync):
    copy = True


class SubprocVecEnv(Engine):
    needs = "stable_baselines3"

    def __init__(self, num_envs: int) -> None:
        from stable_baselines3.common import vec_env

        super().__init__(num_envs)
        self.envs = vec_env.SubprocVecEnv([PatchEnv] * num_envs, start_method="fork")
        self.envs.reset()

    def step(self, change: int) -> Picture:
        return np.asarray(self.envs.step(self.actions[change])[0], np.uint8)

    def close(self) -> None:
        self.envs.close()


def wrapped() -> Any:
    """An environment as TorchRL has it."""
    from torchrl.envs import GymWrapper

    return GymWrapper(PatchEnv(), categorical_action_encoding=True)


class ParallelEnv(Engine):
    needs = "torchrl"

    def __init__(self, num_envs: int) -> None:
        import torch
        from torchrl import envs

        super().__init__(num_envs)
        torch.set_num_threads(1)
        self.envs = envs.ParallelEnv(num_envs, wrapped, mp_start_method="fork")
        self.state = self.envs.reset()
        self.tensors = [torch.from_numpy(actions) for actions in self.actions]

    def step(self, change: int) -> Picture:
        self.state.set("action", self.tensors[change])
        out, self.state = self.envs.step_and_maybe_reset(self.state)
        batch: Picture = out["next", "pixels"].numpy()
        return batch

    def close(self) -> None:
        self.envs.close()


class AsyncEnvPool(Engine):
    needs = "torchrl"

    def __init__(self, num_envs: int) -> None:
        import torch
        from torchrl import envs

        super().__init__(num_envs)
        torch.set_num_threads(1)
        self.envs = envs.AsyncEnvPool(
            [wrapped] * num_envs, backend="multiprocessing", exchange="shm"
        )
        self.state = self.envs.reset()
        self.tensors = [torch.from_numpy(actions) for actions in self.actions]

    def step(self, change: int) -> Picture:
        self.state.set("action", self.tensors[change])
        self.envs.async_step_and_maybe_reset_send(self.state)
        out, self.state = self.envs.async_step_and_maybe_reset_recv(min_get=self.num_envs)
        batch: Picture = out["next", "pixels"].numpy()
        return batch

    def close(self) -> None:
        self.envs.close()


class Memcpy(Engine):
    """Copies the batch once, in one thread; nothing is drawn."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.source = np.ones((num_envs, HEIGHT, WIDTH, 3), np.uint8)
        self.copied = np.zeros_like(self.source)

    def step(self, change: int) -> Picture:
        np.copyto(self.copied, self.source)
        return self.copied

    def close(self) -> None:
        pass


ENGINES: dict[str, type[Engine]] = {
    "ours": Ours,
    "Gymnasium Async, copy=False": GymnasiumAsync,
    "Gymnasium Async, copy=True": GymnasiumCopy,
    "SB3 SubprocVecEnv": SubprocVecEnv,
    "TorchRL ParallelEnv": ParallelEnv,
    "TorchRL AsyncEnvPool, shm": AsyncEnvPool,
    "memcpy of the batch": Memcpy,
}


class Turns:
    """Steps an engine, a turn at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pids = tree(os.getpid())
        self._rows = np.arange(engine.num_envs)
        self._last = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._line = np.zeros((WIDTH, 3), np.uint8)

    def turn(self, change: int, steps: int) -> dict[str, Any]:
        """The wall time of each step, and the processor time of an environment's step."""
        engine, step_ms = self._engine, []
        self._check(engine.step(change), change)
        before_s, checks_s = spent_s(self._pids), 0.0
        for _ in range(steps):
            started_ns = time.perf_counter_ns()
            batch = engine.step(change)
            step_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
            check_s = time.thread_time()
            self._check(batch, change)
            checks_s += time.thread_time() - check_s
        used_s = spent_s(self._pids) - before_s - checks_s
        self._check_row(batch)
        return {"step_ms": step_ms, "cpu_us": used_s / steps / engine.num_envs * 1e6}

    def _check(self, batch: Picture, change: int) -> None:
        """Three pixels of each patch."""
        if isinstance(self._engine, Memcpy):
            return
        counters = self._engine.counters
        counters += 1
        self._engine.drawn.append(change)
        width, height = PATCHES[change]
        x, y = patch_at(counters, WIDTH, HEIGHT, width, height)
        for over, down in ((0, 0), (width // 2, height // 2), (width - 1, height - 1)):
            shown = batch[self._rows, y + down, x + over]
            if not (shown == colours(counters)).all():
                raise AssertionError(f"steps {counters} show {shown} at {x + over}, {y + down}")

    def _check_row(self, batch: Picture) -> None:
        """Every pixel of the last environment."""
        if isinstance(self._engine, Memcpy):
            return
        counter, drawn = int(self._engine.counters[-1]), self._engine.drawn
        for number, each in enumerate(drawn, counter - len(drawn) + 1):
            draw(self._last, self._line, number, each)
        drawn.clear()
        if not np.array_equal(batch[-1], self._last):
            raise AssertionError(f"the last row is not what {counter} patches have drawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("num_envs", type=int)
    parser.add_argument("--slots", type=int, help="of ours")
    asked = parser.parse_args()
    wanted = ENGINES[asked.engine]
    answers = os.dup(1)
    os.dup2(2, 1)

    def answer(found: dict[str, Any]) -> None:
        try:
            os.write(answers, json.dumps(found).encode() + b"\n")
        except BrokenPipeError:
            # Who asked has gone.
            raise SystemExit(1) from None

    if wanted.needs and importlib.util.find_spec(wanted.needs) is None:
        return answer({"missing": wanted.needs})
    warnings.simplefilter("ignore")
    # Equal and cheap for all peers; this process has no thread yet that a fork could lose.
    multiprocessing.set_start_method("fork")
    began_s = time.monotonic()
    engine = Ours(asked.num_envs, asked.slots) if wanted is Ours else wanted(asked.num_envs)
    try:
        answer({"ready_s": time.monotonic() - began_s})
        turns = Turns(engine)
        for line in sys.stdin:
            change, steps = json.loads(line)
            answer(turns.turn(change, steps))
        if isinstance(engine, Ours):
            answer({"batch_is_segment": engine.batch_is_segment()})
    finally:
        engine.close()


if __name__ == "__main__":
    main()

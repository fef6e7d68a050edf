"""What the adapters of frameworks add to a step: `python -m benchmarks.adapters [--rounds 10]`.

Real workers over the synthetic screen source, a patch of 64x64 a step. An adapter and the raw API,
`send` and `recv`, step the same environments in turns; in another turn each step's batch is copied
too, into new memory. Counted is the processor time of this process, and what an adapter adds is
the median of the rounds' differences to the raw API. The copies of an adapter are that in copies of
the batch, rounded; one at least where its observations do not lie in the session's memory. What
they show is compared with that memory, outside of what is measured.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from benchmarks.command import run, whole
from benchmarks.report import Figure, Found, show_found
from envserver.actions import KeyTableCodec
from envserver.adapters.legacy import LegacyVectorEnv
from envserver.adapters.puffer import PufferVecEnv
from envserver.adapters.rllib import RLlibVectorEnv
from envserver.client import open_session
from envserver.spec import SessionSpec
from envserver.vector_env import VectorEnv

WIDTH, HEIGHT = 1024, 768
STEPS = 20
RAW, COPY = "send and recv", "send, recv and a copy"
Step = Callable[[], Any]
"""Steps once; the batch of observations."""


@dataclass(frozen=True)
class Adapter:
    """One of those compared.

    Args:
        mode: the autoreset mode that it needs.
        most_copies: of a batch, that a step may make.
        stepping: makes its `Step` of environments that were reset.

    `stepping` raises ImportError where the framework is not installed.
    """

    mode: AutoresetMode
    most_copies: int
    stepping: Callable[[VectorEnv], Step]


def actions_for(envs: VectorEnv) -> NDArray[np.int64]:
    """Nothing is held, by all."""
    return np.zeros(envs.num_envs, np.int64)


def raw(envs: VectorEnv) -> Step:
    actions = actions_for(envs)

    def step() -> Any:
        envs.send(actions)
        return envs.recv().observations

    return step


def copying(envs: VectorEnv) -> Step:
    one = raw(envs)
    return lambda: one().copy()


def gymnasium(envs: VectorEnv) -> Step:
    actions = actions_for(envs)
    return lambda: envs.step(actions)[0]


def stable_baselines3(envs: VectorEnv) -> Step:
    from envserver.adapters.sb3 import SB3VecEnv

    adapted, actions = SB3VecEnv(envs), actions_for(envs)
    return lambda: adapted.step(actions)[0]


def puffer(envs: VectorEnv) -> Step:
    adapted, actions = PufferVecEnv(envs), actions_for(envs)
    return lambda: adapted.step(actions)[0]


def legacy(envs: VectorEnv) -> Step:
    adapted, actions = LegacyVectorEnv(envs), actions_for(envs)
    return lambda: adapted.step(actions)[0]


def rllib(envs: VectorEnv) -> Step:
    adapted, actions = RLlibVectorEnv(envs, floats=False), actions_for(envs)
    return lambda: adapted.step(actions)[0]


def torchrl(envs: VectorEnv) -> Step:
    from envserver.adapters.torchrl import TorchRLEnv

    adapted = TorchRLEnv(envs)
    state, nothing = adapted.reset(), adapted.action_spec.zero()

    def step() -> Any:
        nonlocal state
        state.set("action", nothing)
        out, state = adapted.step_and_maybe_reset(state)
        return out["next", "pixels"].numpy()

    return step


ADAPTERS = {
    "Gymnasium": Adapter(AutoresetMode.SAME_STEP, 0, gymnasium),
    "PufferLib": Adapter(AutoresetMode.SAME_STEP, 0, puffer),
    "Stable-Baselines3": Adapter(AutoresetMode.SAME_STEP, 1, stable_baselines3),
    "CleanRL's infos": Adapter(AutoresetMode.SAME_STEP, 0, legacy),
    "TorchRL": Adapter(AutoresetMode.DISABLED, 1, torchrl),
    "RLlib": Adapter(AutoresetMode.NEXT_STEP, 1, rllib),
}


@dataclass
class Cost:
    """Of one way to step: microseconds of this process a step, a number a round."""

    cpu_us: list[float]
    in_segment: bool = True
    """Whether all that it returned lay in the session's memory."""


def measure(num_envs: int = 20, rounds: int = 10, steps: int = STEPS) -> Iterator[Found]:
    """What each adapter adds; adapters of one autoreset mode share their environments."""
    for mode in dict.fromkeys(adapter.mode for adapter in ADAPTERS.values()):
        with closing(environments(num_envs, mode)) as envs:
            ways = {RAW: raw(envs), COPY: copying(envs)}
            for name, adapter in ADAPTERS.items():
                if adapter.mode is not mode:
                    continue
                try:
                    ways[name] = adapter.stepping(envs)
                except ImportError as error:
                    yield f"{name} is left out: {error.name} is not installed: make frameworks"
            costs = take_turns(envs, ways, rounds, steps)
        yield from figures(f"adapters n={num_envs}, {mode.name}", costs)
    yield "one process steps; the workers' time, the same for all, is not counted"


def environments(num_envs: int, mode: AutoresetMode) -> VectorEnv:
    """Of one session, reset."""
    spec = SessionSpec(
        num_envs=num_envs,
        source="synthetic",
        width=WIDTH,
        height=HEIGHT,
        fps=None,
        autoreset=mode.name.lower(),
        start_timeout_s=300,
    )
    session = open_session(spec, private=True)
    try:
        session.wait_ready()
        envs = VectorEnv(session, KeyTableCodec([[], [0x20]], num_envs), autoreset_mode=mode)
        envs.reset()
    except BaseException:
        session.close()
        raise
    return envs


def take_turns(
    envs: VectorEnv, ways: Mapping[str, Step], rounds: int, steps: int
) -> dict[str, Cost]:
    """Each way, `rounds` times; what the first steps of a way cost is not counted."""
    costs: dict[str, Cost] = defaultdict(lambda: Cost([]))
    for name, step in ways.items():
        check(envs, step(), name)
    for _ in range(rounds):
        for name, step in ways.items():
            began_s = time.process_time()
            for _ in range(steps):
                observations = step()
            costs[name].cpu_us.append((time.process_time() - began_s) / steps * 1e6)
            costs[name].in_segment &= check(envs, observations, name)
    return dict(costs)


def check(envs: VectorEnv, observations: NDArray[np.uint8], name: str) -> bool:
    """Whether they lie in the session's memory.

    Raises:
        AssertionError: they do not show what is there.
    """
    newest = envs.stack(1)[:, 0]
    if not np.array_equal(observations, newest):
        raise AssertionError(f"{name}: the observations are not the newest step's")
    return bool(observations.ctypes.data == newest.ctypes.data)


def figures(label: str, costs: Mapping[str, Cost]) -> Iterator[Found]:
    """What the raw API costs, and a copy of the batch beside it; of each adapter what it adds."""
    before_us = costs[RAW].cpu_us
    yield Figure(f"{label}: {RAW}", statistics.median(before_us), "us a step")
    copy_us = added_us(costs[COPY].cpu_us, before_us)
    yield Figure("  a copy of the batch", copy_us, "us")
    for name, cost in costs.items():
        if name in (RAW, COPY):
            continue
        more_us = added_us(cost.cpu_us, before_us)
        yield Figure(f"  {name}: adds", more_us, "us a step")
        yield Figure("    in copies of the batch", more_us / copy_us, "x")
        copies = max(round(more_us / copy_us), not cost.in_segment)
        yield Figure("    copies", copies, "", at_most=ADAPTERS[name].most_copies)


def added_us(cpu_us: Sequence[float], before_us: Sequence[float]) -> float:
    """The median of the rounds' differences."""
    return statistics.median(b - a for a, b in zip(before_us, cpu_us, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-envs", type=whole(), default=20)
    parser.add_argument("--rounds", type=whole(), default=10)
    asked = parser.parse_args()
    show_found(measure(asked.num_envs, asked.rounds))


if __name__ == "__main__":
    run(main)

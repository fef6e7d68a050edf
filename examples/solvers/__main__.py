"""Plays every solver beside a random agent, and prints what they got.

    python -m examples.solvers [NAME ...] [--episodes N] [--provider docker]

NAME is a task such as miniwob.ClickTest-v0, or a whole family such as terminal; without any, all
are played. The exit status is 1 where a solver missed the full reward.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import click
import numpy as np

import envserver
from examples.solvers import gym_core, miniwob, terminal
from examples.solvers.playing import Agent, Task, play

TASKS = {**gym_core.TASKS, **terminal.TASKS, **miniwob.TASKS}
ALMOST = 0.95
"""Of the full reward, where a task pays for nearness (`miniwob.NEAR`)."""
COLUMNS = "{:36} {:>14} {:>13} {:>6} {:>8}"


def chosen(names: Sequence[str]) -> list[Task]:
    """The tasks that names mean.

    Raises:
        click.BadParameter: one means none.
    """
    for name in names:
        if not any(name in (task.name, task.runtime) for task in TASKS.values()):
            raise click.BadParameter(f"{name!r} is neither a task that is solved here nor a family")
    return [task for task in TASKS.values() if not names or {task.name, task.runtime} & {*names}]


def mean_reward(
    envs: envserver.VectorEnv, task: Task, agents: Sequence[Agent]
) -> tuple[float, float]:
    """The mean reward of an episode each, and the mean seconds."""
    names = [task.name] if task.runtime != "gym-core" else None
    began_s = time.perf_counter()
    rewards = [
        play(envs, [agent], task.max_steps, seed=seed, names=names).rewards[0]
        for seed, agent in enumerate(agents)
    ]
    return float(np.mean(rewards)), (time.perf_counter() - began_s) / len(agents)


def is_full(task: Task, reward: float) -> bool:
    """Whether a solver's reward is all that there is to get."""
    near = task.name.removeprefix("miniwob.") in miniwob.NEAR
    return reward >= task.full * (ALMOST if near else 1.0)


@click.command(help=__doc__)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--episodes", default=2, show_default=True, type=click.IntRange(1))
@click.option(
    "--provider", type=click.Choice(["docker", "process"]), help="What the environments run in."
)
def main(names: tuple[str, ...], episodes: int, provider: str | None) -> None:
    options: dict[str, Any] = {} if provider is None else {"provider": provider}
    missed = []
    envs: envserver.VectorEnv | None = None
    runs = ""
    print(COLUMNS.format("environment", "random agent", "solver", "full", "seconds"))
    try:
        for task in chosen(names):
            if envs is None or runs != task.runtime or runs == "gym-core":
                if envs is not None:
                    envs.close()
                envs, runs = task.make(**options), task.runtime
            space = envs.single_action_space
            by_chance, _ = mean_reward(
                envs, task, [task.random(space, seed) for seed in range(episodes)]
            )
            reward, each_s = mean_reward(envs, task, [task.solver() for _ in range(episodes)])
            numbers = f"{by_chance:.2f}", f"{reward:.2f}", f"{task.full:g}", f"{each_s:.1f}"
            print(COLUMNS.format(task.name, *numbers), flush=True)
            if not is_full(task, reward):
                missed.append(task.name)
    finally:
        if envs is not None:
            envs.close()
    if missed:
        sys.exit(f"less than the full reward: {', '.join(missed)}")


if __name__ == "__main__":
    main()

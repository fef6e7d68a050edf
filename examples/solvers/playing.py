"""What plays: agents, the tasks that they are for, and one episode of them.

An agent sees the picture and the goal of one environment and answers with its next action, in that
environment's action space. `play` runs one agent in each environment of a vector.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

import envserver

Picture = NDArray[np.uint8]


class Agent(Protocol):
    """Whoever chooses actions; one for each episode of each environment."""

    def act(self, picture: Picture, goal: str) -> Any:
        """The next action.

        Args:
            picture: uint8 (height, width, 3), RGB; it changes after the next few steps.
            goal: what the environment said at the reset; empty where it said nothing.
        """
        ...


class Idle:
    """Does nothing: holds no key, sends no event."""

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.nothing: Any = 0 if isinstance(space, gymnasium.spaces.Discrete) else ()

    def act(self, picture: Picture, goal: str) -> Any:
        return self.nothing


class Random:
    """Does anything that the action space has."""

    def __init__(self, space: gymnasium.Space[Any], seed: int) -> None:
        self.space = space
        self.space.seed(seed)

    def act(self, picture: Picture, goal: str) -> Any:
        return self.space.sample()


@dataclass(frozen=True)
class Task:
    """An environment that is solved here.

    Attributes:
        name: as `envserver.make_vec` has it.
        solver: makes an agent that gets the full reward.
        full: the most that there is to get.
        max_steps: after so many steps an agent has had its chance.
        random: makes a random agent of an action space and a seed.
        options: for `make_vec`.
    """

    name: str
    solver: Callable[[], Agent]
    full: float
    max_steps: int
    random: Callable[[gymnasium.Space[Any], int], Agent] = Random
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runtime(self) -> str:
        return self.name.partition(".")[0]

    def make(self, num_envs: int = 1, **options: Any) -> envserver.VectorEnv:
        """Its environments; `options` go over its own."""
        return envserver.make_vec(self.name, num_envs, **{**self.options, **options})


class Played(NamedTuple):
    """One episode of each environment of a vector.

    Attributes:
        rewards: float64 (num_envs,).
        over: bool (num_envs,): it ended by itself.
        steps: how many were made.
    """

    rewards: NDArray[np.float64]
    over: NDArray[np.bool_]
    steps: int


def play(
    envs: envserver.VectorEnv,
    agents: Sequence[Agent],
    max_steps: int,
    *,
    seed: int,
    names: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Played:
    """Play until all episodes are over, at most `max_steps`.

    Args:
        names: of the environments to switch to in place, one each; None: what runs.
        options: for the reset.
    """
    asked: dict[str, Any] = dict(options or {})
    if names is not None:
        asked["per_env"] = [{"env_id": name} for name in names]
    pictures, infos = envs.reset(seed=seed, options=asked or None)
    said = infos.get("text", [None] * envs.num_envs)
    goals = [texts[-1] if texts else "" for texts in said]
    nothing = Idle(envs.single_action_space).nothing
    rewards = np.zeros(envs.num_envs)
    over = np.zeros(envs.num_envs, bool)
    steps = 0
    while steps < max_steps and not over.all():
        actions = [
            nothing if over[env] else agent.act(pictures[env], goals[env])
            for env, agent in enumerate(agents)
        ]
        pictures, earned, terminated, truncated, _ = envs.step(actions)
        rewards += np.where(over, 0.0, earned)
        over |= terminated | truncated
        steps += 1
    return Played(rewards, over, steps)

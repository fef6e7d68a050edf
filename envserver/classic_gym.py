"""Classic `gym` (0.26): the same names, one environment each, where that package is installed.

It is registered without gym's environment checker, which fails with NumPy 2. Imported only when
`gym` is: see announce.py.
"""

from typing import Any

import gym
import numpy as np
from gym.envs.registration import register as register_one
from gym.envs.registration import registry

from envserver.names import NAMESPACE, registered_names

OLDEST = (0, 26)


def register() -> None:
    """Register every name; a second call, or one with an older gym, changes nothing."""
    if tuple(int(part) for part in gym.__version__.split(".")[:2]) < OLDEST:
        return
    for name in registered_names():
        full = NAMESPACE + name
        if full not in registry:
            register_one(
                full,
                entry_point="envserver.classic_gym:ClassicEnv",
                nondeterministic=True,
                order_enforce=False,
                disable_env_checker=True,
                kwargs={"name": name},
            )


class ClassicEnv(gym.Env):  # type: ignore[misc]
    """A `SingleEnv` with gym's spaces; its arguments are the same."""

    def __init__(self, name: str, render_mode: str | None = None, **options: Any) -> None:
        from envserver.single_env import SingleEnv  # imports gymnasium, which gym's users may lack

        self.env = SingleEnv(name, render_mode, **options)
        self.render_mode, self.metadata = render_mode, self.env.metadata
        self.observation_space = _space(self.env.observation_space)
        self.action_space = _space(self.env.action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        begun = self.env.reset(seed=seed, options=options)
        self.action_space = _space(self.env.action_space)
        return begun

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.env.step(action)

    def render(self) -> Any:
        return self.env.render()

    def close(self) -> None:
        self.env.close()


class ForeignSpace(gym.Space):  # type: ignore[misc]
    """A space of Gymnasium's that gym has not: lists of events."""

    def __init__(self, space: Any) -> None:
        super().__init__(None, None)
        self.space = space

    def sample(self, mask: Any | None = None) -> Any:
        return self.space.sample()

    def contains(self, x: Any) -> bool:
        return bool(self.space.contains(x))

    def seed(self, seed: int | None = None) -> list[int]:
        self.space.seed(seed)
        return [] if seed is None else [seed]

    def __repr__(self) -> str:
        return repr(self.space)


def _space(space: Any) -> Any:
    kind = type(space).__name__
    if kind == "Discrete":
        return gym.spaces.Discrete(int(space.n))
    if kind == "Box":
        return gym.spaces.Box(0, 255, space.shape, np.uint8)
    return ForeignSpace(space)

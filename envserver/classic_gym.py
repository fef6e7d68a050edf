"""Classic `gym` (0.26): the same names, one environment each, where that package is installed.

It is registered without gym's environment checker, which fails with NumPy 2. Imported only when
`gym` is: see announce.py.
"""

from typing import TYPE_CHECKING, Any

import gym
import numpy as np
from gym.envs.registration import register as register_one
from gym.envs.registration import registry

from envserver.names import NAMESPACE, registered_names

if TYPE_CHECKING:
    from envserver.vector_env import VectorEnv

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
                entry_point="envserver.classic_gym:SingleEnv",
                nondeterministic=True,
                order_enforce=False,
                disable_env_checker=True,
                kwargs={"name": name},
            )


class SingleEnv(gym.Env):  # type: ignore[misc]
    """A vector environment of one, as `gym.make` gives it.

    Observations are copies: they may be kept.

    Args:
        name: as `envserver.make_vec` takes it, like all other options.
    """

    def __init__(self, name: str, render_mode: str | None = None, **options: Any) -> None:
        from envserver.make import make_vec

        self.envs: VectorEnv = make_vec(
            name, 1, autoreset_mode="disabled", render_mode=render_mode, **options
        )
        self.render_mode = render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 60}
        self.observation_space = _space(self.envs.single_observation_space)
        self.action_space = _space(self.envs.single_action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        observations, infos = self.envs.reset(seed=seed, options=options)
        self.action_space = _space(self.envs.single_action_space)
        return observations[0].copy(), _first(infos)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, infos = self.envs.step([action])
        return (
            observations[0].copy(),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            _first(infos),
        )

    def render(self) -> Any:
        pictures = self.envs.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        self.envs.close()


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


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """What the infos say about the only environment."""
    found = {}
    for key, column in infos.items():
        if key.startswith("_") or not infos[f"_{key}"][0]:
            continue
        found[key] = _first(column) if isinstance(column, dict) else column[0]
    return found

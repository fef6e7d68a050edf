"""One environment as a `gymnasium.Env`: what `gymnasium.make("envserver/...")` gives."""

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envserver.infos import by_env
from envserver.rendering import RENDER_MODES

if TYPE_CHECKING:
    from envserver.vector_env import VectorEnv


class SingleEnv(gymnasium.Env[NDArray[np.uint8], Any]):
    """A session with one environment.

    Observations are uint8 (height, width, 3), RGB, and copies: they are the caller's own, may be
    kept and written to. (`make_vec` copies nothing.) After an end only `reset` begins anew.

    Args:
        name: As `envserver.make_vec` takes it, like all other options.
        render_mode: None or "rgb_array".
        options: All that `envserver.make_vec` takes but for `num_envs` and `autoreset_mode`.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": list(RENDER_MODES),
        "render_fps": 60,
    }

    def __init__(self, name: str, render_mode: str | None = None, **options: Any) -> None:
        from envserver.make import make_vec

        self.envs: VectorEnv = make_vec(
            name, 1, autoreset_mode="disabled", render_mode=render_mode, **options
        )
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.envs.metadata["render_fps"]}
        self.observation_space = self.envs.single_observation_space
        self.action_space = self.envs.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode; the options are those of `VectorEnv.reset`."""
        super().reset(seed=seed)
        observations, infos = self.envs.reset(seed=seed, options=options)
        self.action_space = self.envs.single_action_space
        return observations[0].copy(), only(infos)

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Act, and look at the next tick."""
        if isinstance(action, np.ndarray) and action.shape == ():
            action = action[()]  # what Gymnasium's Discrete holds, and its NumpyToTorch gives
        observations, rewards, terminated, truncated, infos = self.envs.step([action])
        return (
            observations[0].copy(),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            only(infos),
        )

    def render(self) -> Any:
        """A copy of the newest picture; None without a render mode."""
        pictures = self.envs.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Give the remote back; a second call does nothing."""
        self.envs.close()


def only(infos: dict[str, Any]) -> dict[str, Any]:
    """What the infos say about the only environment."""
    return by_env(infos, 1)[0]

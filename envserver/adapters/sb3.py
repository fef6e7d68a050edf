"""Stable-Baselines3: a `VecEnv` over our `VectorEnv`; its observations are not copied.

SB3's algorithms hold two generations of observations, those that they acted on and those that came
of it, and copy both into their buffers before the next step. Two slots are that.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.adapters.needs import (
    check_actions,
    check_mode,
    check_slots,
    importing,
    show_torch_a_read_only_array,
)
from envserver.infos import by_env
from envserver.vector_env import VectorEnv

with importing("stable-baselines3", "sb3", (2, 4)):
    from stable_baselines3.common.vec_env import VecEnv

WHO = "Stable-Baselines3"
_SINGLE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}


class SB3VecEnv(VecEnv):
    """What SB3's algorithms and wrappers take.

    Observations are uint8 (num_envs, height, width, 3) or what the session has else: read-only
    views of its memory. Ends come with `terminal_observation` and `TimeLimit.truncated`, and
    `reset_infos` says what the reset after them did. For `episode`, wrap it in SB3's `VecMonitor`.

    Args:
        envs: With `autoreset_mode="same_step"`; closed with this.
        generations: How many steps' observations are held at a time: 2 by all that SB3 has.

    Raises:
        ValueError: another mode, fewer slots, or actions that SB3 does not know.
    """

    def __init__(self, envs: VectorEnv, generations: int = 2) -> None:
        check_mode(envs, AutoresetMode.SAME_STEP, WHO)
        check_slots(envs, generations, WHO)
        actions = check_actions(envs, (Discrete, MultiDiscrete, MultiBinary, Box), WHO)
        self.envs = envs
        show_torch_a_read_only_array()  # SB3 only reads observations.
        super().__init__(envs.num_envs, envs.single_observation_space, actions)
        self.metadata["render_fps"] = envs.metadata["render_fps"]

    def reset(self) -> NDArray[np.uint8]:
        """Begin new episodes with what `seed` and `set_options` said; a step under way is dropped.

        The options are one dict, or a list of one dict an environment.
        """
        if self.envs.pending:
            self.envs.recv()
        options = {"per_env": list(self._options)} if any(self._options) else None
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observations, infos = self.envs.reset(seed=seeds, options=options)
        self.action_space = self.envs.single_action_space
        self.reset_infos = by_env(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Send one action to each environment."""
        self.envs.send(actions)

    def step_wait(
        self,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        """The observations, rewards, ends and infos of the step that was sent."""
        batch = self.envs.recv()
        infos = by_env(batch.infos, self.num_envs)
        ends: NDArray[np.bool_] = batch.terminated | batch.truncated
        limits = (batch.truncated & ~batch.terminated).tolist()
        for env, info in enumerate(infos):
            if ends[env]:
                infos[env] = info = self._last_info(env, info)
            info["TimeLimit.truncated"] = limits[env]
        return batch.observations, batch.rewards, ends, infos

    def _last_info(self, env: int, info: dict[str, Any]) -> dict[str, Any]:
        """The info of an episode's last step, out of a row that shows the next episode."""
        picture, final = info.pop("final_obs"), info.pop("final_info", {})
        ours = {key: info[key] for key in ("valid", "late", "rewarder", "fault") if key in info}
        episode = self.reset_infos[env]["episode_id"]
        self.reset_infos[env] = info
        return {**ours, "episode_id": episode, **final, "terminal_observation": picture}

    def close(self) -> None:
        """Give the remotes back; a second call does nothing."""
        self.envs.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Copies of the newest pictures, RGB; None without `render_mode="rgb_array"`."""
        pictures = self.envs.render()
        return [None] * self.num_envs if pictures is None else list(pictures)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the `VectorEnv`, once an environment; the programs have none.

        Raises:
            AttributeError: there is none of that name.
        """
        values = self.envs.get_attr(_SINGLE.get(attr_name, attr_name))
        return [values[env] for env in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the remotes are programs, not objects.

        Raises:
            AttributeError: always.
        """
        self.envs.set_attr(attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call `render`; the programs have no other method.

        Raises:
            AttributeError: another one is called.
        """
        if method_name != "render":
            raise AttributeError(
                f"no method {method_name!r}: the remotes are programs, not objects; "
                "set_options(...) before reset() tells them what they can do"
            )
        images = self.get_images()
        return [images[env] for env in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """False: wrappers go around all environments at once."""
        return [False for _ in self._get_indices(indices)]

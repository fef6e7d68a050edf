"""Infos as Gymnasium 0.29 had them, for scripts in CleanRL's style.

Such a script reads `infos["final_info"][i]["episode"]["r"]` and `infos["final_observation"][i]`,
and holds the observations of two steps at a time.
"""

import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.adapters.needs import check_mode, check_slots
from envserver.infos import by_env
from envserver.vector_env import VectorEnv

WHO = "a script of Gymnasium 0.29"


class LegacyVectorEnv(gymnasium.vector.VectorWrapper):
    """A `VectorEnv` whose infos tell of ends as `gymnasium.vector` did up to 0.29.

    Where an episode ends, the observation is the next one's first, and the infos have, as object
    arrays (num_envs,), None elsewhere, with masks `_final_info` and `_final_observation`:
    `final_observation`, the picture at the end, and `final_info`, a dict that has
    `episode` too: `r`, the return, `l`, its steps, and `t`, the seconds that it took, arrays of
    one as `RecordEpisodeStatistics` had them. All other columns are as ever.

    Args:
        envs: With `autoreset_mode="same_step"`; closed with this.

    Raises:
        ValueError: another mode.
    """

    def __init__(self, envs: VectorEnv) -> None:
        check_mode(envs, AutoresetMode.SAME_STEP, WHO)
        check_slots(envs, 2, WHO)
        super().__init__(envs)
        self._returns = np.zeros(envs.num_envs)
        self._steps = np.zeros(envs.num_envs, np.int64)
        self._began_s = np.full(envs.num_envs, time.monotonic())

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """As `VectorEnv.reset`; the episodes that begin count from 0."""
        mask = (options or {}).get("reset_mask")
        observations, infos = self.env.reset(seed=seed, options=options)
        self._begin(slice(None) if mask is None else mask)
        return observations, infos

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """As `VectorEnv.step`, with the older infos."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._returns += rewards
        self._steps += 1
        ends = terminated | truncated
        if ends.any():
            infos = self._older(infos, ends)
            self._begin(ends)
        return observations, rewards, terminated, truncated, infos

    def _begin(self, envs: Any) -> None:
        self._returns[envs] = self._steps[envs] = 0
        self._began_s[envs] = time.monotonic()

    def _older(self, infos: dict[str, Any], ends: NDArray[np.bool_]) -> dict[str, Any]:
        older = dict(infos)
        older["final_observation"], older["_final_observation"] = older.pop("final_obs"), ends
        del older["_final_obs"]
        said = by_env(infos, self.num_envs)
        column = np.full(self.num_envs, None, dtype=object)
        took_s = time.monotonic() - self._began_s
        for env in np.flatnonzero(ends).tolist():
            episode = {
                "r": self._returns[env : env + 1].copy(),
                "l": self._steps[env : env + 1].copy(),
                "t": took_s[env : env + 1].copy(),
            }
            column[env] = {**said[env].get("final_info", {}), "episode": episode}
        older["final_info"], older["_final_info"] = column, ends.copy()
        return older

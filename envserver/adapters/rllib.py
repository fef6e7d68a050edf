"""RLlib, new API stack: the creator of its vector entry point, on a daemon that runs already.

RLlib keeps views of what it is handed in its episodes, so each step's observations are copied.
Where a step raises, it makes the whole vector anew; so this never starts a daemon: the remotes of
one that lasts are given back and taken again.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envserver.adapters.needs import check_mode
from envserver.make import make_vec
from envserver.settings import resolve_address
from envserver.vector_env import VectorEnv

WHO = "RLlib"


class RLlibVectorEnv(gymnasium.vector.VectorWrapper):
    """A `VectorEnv` whose observations are the caller's own, and writable.

    Args:
        envs: With `autoreset_mode="next_step"`; closed with this.
        floats: Observations are float32 from 0 to 1, as RLlib's own networks take them; False:
            uint8 as they are, a quarter of the memory, for networks that begin by dividing.

    Raises:
        ValueError: another mode.
    """

    def __init__(self, envs: VectorEnv, floats: bool = True) -> None:
        check_mode(envs, AutoresetMode.NEXT_STEP, WHO)
        super().__init__(envs)
        self._floats = floats
        if floats:
            shape = envs.single_observation_space.shape
            self.single_observation_space = Box(0.0, 1.0, shape, np.float32)
            self.observation_space = batch_space(self.single_observation_space, envs.num_envs)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """As `VectorEnv.reset`, with a copy of the observations."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._own(observations), infos

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[Any],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """As `VectorEnv.step`, with a copy of the observations."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        return self._own(observations), rewards, terminated, truncated, infos

    def _own(self, observations: NDArray[np.uint8]) -> NDArray[Any]:
        """The only copy."""
        if self._floats:
            return np.divide(observations, 255, dtype=np.float32)
        return observations.copy()


def create(context: Mapping[str, Any]) -> RLlibVectorEnv:
    """What `ray.tune.registry.register_env("envserver", create)` takes.

    Then `config.environment("envserver", env_config=...)` and
    `config.env_runners(gym_env_vectorize_mode="vector_entry_point", num_envs_per_env_runner=n)`.
    Each runner gets remotes of its own.

    Args:
        context: `name`, and whatever else `envserver.make_vec` takes; `num_envs` is RLlib's to
            give. `address`: of the daemon; None: ENVSERVER_ADDRESS or the default one. `floats`:
            see `RLlibVectorEnv`.

    Raises:
        BrokerUnavailable: no daemon runs there: `envserver serve`.
        ValueError: the environment's name is missing, or an option is wrong.
    """
    options = dict(context)
    if "name" not in options:
        raise ValueError("env_config has no 'name', expected one such as 'gym-core.Pong-v0'")
    name, num_envs = options.pop("name"), options.pop("num_envs", None)
    floats = options.pop("floats", True)
    # An address that is given is never a private daemon's.
    address = resolve_address(options.pop("address", None)).url
    envs = make_vec(name, num_envs, address=address, **options)
    try:
        return RLlibVectorEnv(envs, floats)
    except BaseException:
        envs.close()
        raise

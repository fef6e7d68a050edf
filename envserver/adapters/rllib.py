"""RLlib, new API stack: the creator of its vector entry point, on a daemon that runs already.

RLlib keeps views of what it is handed in its episodes, so each step's observations are copied.
Where a step raises, it makes the whole vector anew; so this never starts a daemon: the remotes of
one that lasts are given back and taken again.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.adapters.needs import check_mode
from envserver.make import make_vec
from envserver.settings import resolve_address
from envserver.vector_env import VectorEnv

WHO = "RLlib"


class RLlibVectorEnv(gymnasium.vector.VectorWrapper):
    """A `VectorEnv` whose observations are the caller's own: uint8 (num_envs, ...), writable.

    Args:
        envs: With `autoreset_mode="next_step"`; closed with this.

    Raises:
        ValueError: another mode.
    """

    def __init__(self, envs: VectorEnv) -> None:
        check_mode(envs, AutoresetMode.NEXT_STEP, WHO)
        super().__init__(envs)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """As `VectorEnv.reset`, with a copy of the observations."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations.copy(), infos

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[np.uint8],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """As `VectorEnv.step`, with a copy of the observations."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        return observations.copy(), rewards, terminated, truncated, infos


def create(context: Mapping[str, Any]) -> RLlibVectorEnv:
    """What `config.environment(create, env_config=...)` takes.

    With `config.env_runners(gym_env_vectorize_mode="vector_entry_point",
    num_envs_per_env_runner=n)`. Each runner gets remotes of its own.

    Args:
        context: `name`, and whatever else `envserver.make_vec` takes; `num_envs` is RLlib's to
            give. `address`: of the daemon; None: ENVSERVER_ADDRESS or the default one.

    Raises:
        BrokerUnavailable: no daemon runs there: `envserver serve`.
        ValueError: the environment's name is missing, or an option is wrong.
    """
    options = dict(context)
    if "name" not in options:
        raise ValueError("env_config has no 'name', expected one such as 'gym-core.Pong-v0'")
    name, num_envs = options.pop("name"), options.pop("num_envs", None)
    # An address that is given is never a private daemon's.
    address = resolve_address(options.pop("address", None)).url
    envs = make_vec(name, num_envs, address=address, **options)
    try:
        return RLlibVectorEnv(envs)
    except BaseException:
        envs.close()
        raise

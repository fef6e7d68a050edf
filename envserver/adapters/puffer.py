"""PufferLib: what its trainer drives, without PufferLib's own workers; nothing is copied.

PuffeRL asks a vector environment for `async_reset`, `recv`, `send` and `close`, and copies what it
received into its own buffers before it sends. So this needs nothing of PufferLib, and one slot.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.adapters.needs import check_actions, check_mode, show_torch_a_read_only_array
from envserver.batch import Batch
from envserver.vector_env import VectorEnv

WHO = "PufferLib"

Received = tuple[
    NDArray[np.uint8],
    NDArray[np.float32],
    NDArray[np.bool_],
    NDArray[np.bool_],
    list[dict[str, Any]],
    NDArray[np.intp],
    NDArray[np.bool_],
]
"""Observations, rewards, terminals, truncations, infos, agent ids, masks."""


class PufferVecEnv:
    """A vector environment of `num_envs` agents, as `pufferlib.vector.make` would give one.

    Observations are the session's memory, valid until the next but one `send`. Infos are one dict
    an episode that ended: `episode_return`, `episode_length`, which the trainer averages.

    Args:
        envs: With `autoreset_mode="same_step"`; closed with this.

    Raises:
        ValueError: another mode, or actions that PufferLib does not know.
    """

    emulated = False
    """As PufferLib calls what it wraps itself."""

    def __init__(self, envs: VectorEnv) -> None:
        check_mode(envs, AutoresetMode.SAME_STEP, WHO)
        actions = check_actions(envs, (Discrete, MultiDiscrete, Box), WHO)
        show_torch_a_read_only_array()  # The trainer only reads observations.
        self.envs = envs
        self.num_envs = self.num_agents = self.agents_per_batch = n = envs.num_envs
        self.single_observation_space = envs.single_observation_space
        self.single_action_space: gymnasium.Space[Any] = actions
        self.observation_space, self.action_space = envs.observation_space, envs.action_space
        self.agent_ids = np.arange(n)
        self._masks = np.ones(n, np.bool_)
        self._returns = np.zeros(n)
        self._steps = np.zeros(n, np.int64)
        self._first: NDArray[np.uint8] | None = None

    @property
    def driver_env(self) -> "PufferVecEnv":
        """The environment whose spaces a policy is made for."""
        return self

    def async_reset(self, seed: int | Sequence[int | None] | None = None) -> None:
        """Begin new episodes, which `recv` shows; a step under way is dropped."""
        if self.envs.pending:
            self.envs.recv()
        self._first, _ = self.envs.reset(seed=seed)
        self._returns[:] = self._steps[:] = 0

    def send(self, actions: Any) -> None:
        """Send one action to each environment."""
        self.envs.send(np.asarray(actions))

    def recv(self) -> Received:
        """What came of the reset or of the actions.

        Rewards are float32; masks are all True. A lost remote's episode is truncated.
        """
        n = self.num_envs
        if self._first is not None:
            first, self._first = self._first, None
            off = np.zeros(n, np.bool_)
            return (first, np.zeros(n, np.float32), off, off.copy(), [], *self._whose())
        batch = self.envs.recv()
        return (
            batch.observations,
            batch.rewards.astype(np.float32),
            batch.terminated,
            batch.truncated,
            self._ended(batch),
            *self._whose(),
        )

    def reset(
        self, seed: int | Sequence[int | None] | None = None
    ) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
        """`async_reset` and `recv`: observations and infos."""
        self.async_reset(seed)
        received = self.recv()
        return received[0], received[4]

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[np.uint8],
        NDArray[np.float32],
        NDArray[np.bool_],
        NDArray[np.bool_],
        list[dict[str, Any]],
    ]:
        """`send` and `recv`, without ids and masks."""
        self.send(actions)
        return self.recv()[:5]

    def close(self) -> None:
        """Give the remotes back; a second call does nothing."""
        self.envs.close()

    @property
    def render_mode(self) -> str | None:
        """As the session was made with."""
        return self.envs.render_mode

    def render(self) -> NDArray[np.uint8] | None:
        """A copy of the first environment's newest picture; None without a render mode."""
        pictures = self.envs.render()
        return None if pictures is None else pictures[0]

    def _whose(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        return self.agent_ids, self._masks

    def _ended(self, batch: Batch) -> list[dict[str, Any]]:
        self._returns += batch.rewards
        self._steps += 1
        ends = batch.terminated | batch.truncated
        ended = np.flatnonzero(ends).tolist()
        told = [
            {
                "episode_return": float(self._returns[env]),
                "episode_length": int(self._steps[env]),
            }
            for env in ended
        ]
        self._returns[ends] = self._steps[ends] = 0
        return told

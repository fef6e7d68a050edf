"""TorchRL: an `EnvBase` over our `VectorEnv` that owns what it hands out.

TorchRL keeps every tensor of a rollout, so each step's pictures are copied once, out of the
session's memory into a tensor of their own.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.adapters.needs import check_actions, check_mode, importing
from envserver.errors import ResetFailed
from envserver.vector_env import VectorEnv

with importing("torchrl", "torchrl", (0, 7)):
    import torch
    from tensordict import TensorDict
    from torchrl.data import (
        Binary,
        Bounded,
        Categorical,
        Composite,
        MultiCategorical,
        Unbounded,
    )
    from torchrl.envs import EnvBase

WHO = "TorchRL"


class TorchRLEnv(EnvBase):
    """`num_envs` environments, batch size (num_envs,), that TorchRL resets when they are done.

    In the tensordicts: "pixels", uint8 (num_envs, height, width, 3) or what the session has else;
    "reward", float32 (num_envs, 1); "done", "terminated", "truncated", bool (num_envs, 1);
    "action", as the session's space has it: integers (num_envs,) of a table of keys.

    Args:
        envs: With `autoreset_mode="disabled"`; closed with this.
        device: Where the tensors are; None: in host memory.
        key: What the pictures are called.

    Raises:
        ValueError: another mode, or actions that TorchRL does not know.
    """

    def __init__(self, envs: VectorEnv, device: Any = None, key: str = "pixels") -> None:
        check_mode(envs, AutoresetMode.DISABLED, WHO)
        actions = check_actions(envs, (Discrete, MultiDiscrete, MultiBinary, Box), WHO)
        n = envs.num_envs
        super().__init__(device=device, batch_size=(n,))
        self.envs, self.key = envs, key
        self._seed: int | None = None
        shape = (n, *envs.single_observation_space.shape)  # type: ignore[misc]
        pictures = Bounded(0, 255, shape, dtype=torch.uint8, device=device)
        self.observation_spec = Composite({key: pictures}, shape=(n,), device=device)
        self.action_spec = _action_spec(actions, n).to(device or "cpu")
        self.reward_spec = Unbounded((n, 1), dtype=torch.float32, device=device)
        flag = Categorical(2, shape=(n, 1), dtype=torch.bool, device=device)
        flags = {name: flag.clone() for name in ("done", "terminated", "truncated")}
        self.done_spec = Composite(flags, shape=(n,), device=device)
        self.is_closed = False  # a collector that shuts down closes what says so

    def _reset(
        self, tensordict: Any = None, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> Any:
        """Begin new episodes: all, or those that "_reset" says; else as `VectorEnv.reset`.

        Raises:
            ResetFailed: one of them did not begin. Another reset may succeed.
        """
        given = dict(options or {})
        mask = None if tensordict is None else tensordict.get("_reset", None)
        if mask is not None:
            given["reset_mask"] = mask.reshape(self.envs.num_envs).cpu().numpy()
        else:
            seed, self._seed = self._seed if seed is None else seed, None
        observations, infos = self.envs.reset(seed=seed, options=given or None)
        if "fault" in infos:  # TorchRL has no word for who has no episode
            env = int(np.flatnonzero(infos["_fault"])[0])
            cause = infos["fault"][env]["cause"]
            raise ResetFailed(f"environment {env} began no new episode: {cause}")
        off = np.zeros(self.envs.num_envs, np.bool_)
        return self._made({self.key: self._own(observations), **self._flags(off, off)})

    def _step(self, tensordict: Any) -> Any:
        actions = tensordict[self.action_key].detach().cpu().numpy()
        partial = tensordict.get("_step", None)
        if partial is not None:
            return self._step_some(tensordict, actions, partial)
        observations, rewards, terminated, truncated, _ = self.envs.step(actions)
        return self._made(
            {
                self.key: self._own(observations),
                "reward": self._points(rewards),
                **self._flags(terminated, truncated),
            }
        )

    def _step_some(self, tensordict: Any, actions: NDArray[Any], partial: Any) -> Any:
        """Step those that "_step" says; the others are as they were, without reward."""
        n = self.envs.num_envs
        chosen = np.flatnonzero(partial.reshape(n).cpu().numpy())
        self.envs.send(actions[chosen], envs=chosen.tolist())
        batch = self.envs.recv()
        places = torch.as_tensor(batch.envs, device=self.device)
        rewards = np.zeros(n)
        rewards[batch.envs] = batch.rewards
        made = tensordict.select(self.key, "done", "terminated", "truncated").clone()
        made[self.key][places] = self._own(batch.observations)
        for name, flags in self._flags(batch.terminated, batch.truncated).items():
            made[name][places] = flags
        return made.set("reward", self._points(rewards))

    def _set_seed(self, seed: int | None) -> None:
        """For the next reset of all: environment i gets `seed + i`."""
        self._seed = seed

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Give the remotes back; a second call does nothing."""
        self.envs.close()
        super().close()

    def _own(self, observations: NDArray[np.uint8]) -> Any:
        """The only copy, into a tensor that nobody else writes."""
        # Into memory of NumPy's, which asks for huge pages: of a batch of 47 MB, in torch's own,
        # the page faults cost four times the copy (AMD EPYC, 2 virtual cores).
        own = torch.from_numpy(observations.copy())
        return own if self.device is None else own.to(self.device)

    def _points(self, rewards: NDArray[np.float64]) -> Any:
        return torch.as_tensor(rewards, dtype=torch.float32, device=self.device).unsqueeze(-1)

    def _flags(self, terminated: NDArray[np.bool_], truncated: NDArray[np.bool_]) -> dict[str, Any]:
        flags = {"terminated": terminated, "truncated": truncated, "done": terminated | truncated}
        return {
            name: torch.tensor(flag, device=self.device).unsqueeze(-1)
            for name, flag in flags.items()
        }

    def _made(self, entries: dict[str, Any]) -> Any:
        return TensorDict(entries, batch_size=self.batch_size, device=self.device)


def _action_spec(space: gymnasium.Space[Any], n: int) -> Any:
    """What TorchRL calls the batch of a space."""
    if isinstance(space, Discrete):
        if space.start != 0:
            raise ValueError(f"the action space is {space}, {WHO} counts actions from 0")
        return Categorical(int(space.n), shape=(n,), dtype=torch.int64)
    if isinstance(space, MultiDiscrete):
        return MultiCategorical(space.nvec.tolist(), shape=(n, *space.shape), dtype=torch.int64)
    if isinstance(space, MultiBinary):
        return Binary(shape=(n, *space.shape), dtype=torch.int8)
    assert isinstance(space, Box)
    low, high = (torch.as_tensor(side).expand(n, *space.shape) for side in (space.low, space.high))
    return Bounded(low, high, (n, *space.shape), dtype=low.dtype)

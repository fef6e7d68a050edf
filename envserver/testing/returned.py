"""What resets and steps return: checked by itself, and watched for how long it stays as it was."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envserver.testing.rules import ContractBroken
from envserver.testing.values import leaves, shape_of

WATCHED = 8
"""For how many further steps observations are watched, where nobody asks for more."""


class Returned:
    """What one vector environment returned.

    Args:
        envs: Whose.
        must_live: For how many further steps observations have to stay as they were.

    Attributes:
        newest: The newest observations.
        lived: For how many steps they stayed as they were, at least; None: as long as they were
            watched.
        read_only: None of them could be written to.
    """

    def __init__(self, envs: Any, must_live: int) -> None:
        self.envs, self.n = envs, envs.num_envs
        self.must_live = must_live
        self.newest: Any = None
        self.lived: int | None = None
        self.read_only = True
        self._kept: list[tuple[int, Any, Any]] = []
        self._numbers: list[tuple[str, NDArray[Any], NDArray[Any]]] = []

    def look_at_numbers(self, rewards: Any, terminated: Any, truncated: Any) -> None:
        """Check the rewards and flags of a step, and that those of the last did not change."""
        columns = (("rewards", rewards), ("terminations", terminated), ("truncations", truncated))
        for name, column in columns:
            kind = np.floating if name == "rewards" else np.bool_
            right = isinstance(column, np.ndarray) and np.issubdtype(column.dtype, kind)
            if not right or column.shape != (self.n,):
                rule = "rewards" if name == "rewards" else "flags"
                raise ContractBroken(rule, f"{name} are {shape_of(column)}")
        if np.isnan(rewards).any():
            raise ContractBroken("rewards", f"{rewards}")
        for name, column, copy in self._numbers:
            if not np.array_equal(column, copy):
                raise ContractBroken(
                    "numbers are kept", f"{name} {copy} of an earlier step became {column}"
                )
        self._numbers = [(name, column, column.copy()) for name, column in columns]

    def look_at(self, observations: Any, infos: Any) -> None:
        """Check what resets and steps return, and how long what earlier ones returned lives."""
        space = self.envs.observation_space
        if isinstance(space, gymnasium.spaces.Box):
            right = isinstance(observations, np.ndarray) and observations.dtype == space.dtype
            if not right or observations.shape != space.shape:
                raise ContractBroken(
                    "observations",
                    f"{shape_of(observations)}, expected {space.dtype} {space.shape}",
                )
        if not space.contains(observations):
            raise ContractBroken("observations", f"{shape_of(observations)}, not in {space}")
        if not isinstance(infos, dict):
            raise ContractBroken("infos", f"a {type(infos).__name__}, expected a dict")
        self._look_at_infos(infos, "")
        self.newest = observations
        call = len(self._kept) and self._kept[-1][0] + 1
        arrays = [leaf for leaf in leaves(observations) if isinstance(leaf, np.ndarray)]
        self.read_only &= not any(leaf.flags.writeable for leaf in arrays)
        for made, kept, copies in self._kept:
            same = all(np.array_equal(*pair) for pair in zip(kept, copies, strict=True))
            shared = any(np.may_share_memory(*pair) for pair in zip(kept, arrays, strict=True))
            if shared or not same:
                lived = call - made - 1
                self.lived = lived if self.lived is None else min(self.lived, lived)
        if self.lived is not None and self.lived < self.must_live:
            raise ContractBroken(
                "views live",
                f"they changed after {self.lived} further steps, expected {self.must_live}",
            )
        self._kept.append((call, arrays, [leaf.copy() for leaf in arrays]))
        longest = max(self.must_live, WATCHED) if self.lived is None else self.lived + 1
        del self._kept[: -longest - 1]

    def _look_at_infos(self, infos: dict[str, Any], path: str) -> None:
        for key, column in infos.items():
            name = f"{path}{key}"
            if not isinstance(key, str):
                raise ContractBroken("infos", f"the key {key!r} is no string")
            if key.startswith("_") and key[1:] in infos:
                continue
            mask = infos.get(f"_{key}")
            if mask is None and path:  # the outer key's mask holds
                mask = np.ones(self.n, np.bool_)
            if mask is None:
                lacks = f"column {key[1:]!r}" if key.startswith("_") else f"mask {'_' + key!r}"
                raise ContractBroken("infos", f"{name!r} has no {lacks}")
            if (
                not isinstance(mask, np.ndarray)
                or mask.dtype != np.bool_
                or mask.shape != (self.n,)
            ):
                raise ContractBroken("infos", f"the mask of {name!r} is {shape_of(mask)}")
            if isinstance(column, dict):
                self._look_at_infos(column, f"{name}.")
            elif not isinstance(column, np.ndarray) or column.shape[:1] != (self.n,):
                raise ContractBroken("infos", f"{name!r} is {shape_of(column)}")

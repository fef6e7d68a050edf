"""Environments of n remotes, and wrappers around them: actions, observations, rewards are lists."""

import functools
from collections.abc import Callable
from typing import Any

from envserver.universe.compat import core
from envserver.universe.error import Error


class Env(core.Env):
    """An environment of `n` others; `n` is known once it is configured."""

    metadata: dict[str, Any] = {"render.modes": [], "runtime.vectorized": True}  # noqa: RUF012
    n: int | None = None


class Wrapper(core.Wrapper):
    """A wrapper around a vectorized environment.

    Raises:
        Error: what it wraps is not vectorized, and `autovectorize` is False.
    """

    autovectorize = True

    def __init__(self, env: Any = None) -> None:
        if not env.metadata.get("runtime.vectorized"):
            if not self.autovectorize:
                raise Error(
                    f"{type(self).__name__} wraps vectorized environments, and {env} is none: "
                    "wrap it in universe.wrappers.Vectorize first"
                )
            from envserver.universe.wrappers.lists import Vectorize

            env = Vectorize(env)
        super().__init__(env)

    @property
    def n(self) -> Any:
        return self.env.n


class ObservationWrapper(Wrapper, core.ObservationWrapper):
    """Changes the list of observations, any of which may be None."""


class ActionWrapper(Wrapper, core.ActionWrapper):
    """Changes the list of actions."""


class RewardWrapper(Wrapper, core.RewardWrapper):
    """Changes the list of rewards."""


class Filter:
    """What `VectorizeFilter` does to one environment: override either hook."""

    def _after_reset(self, observation: Any) -> Any:
        return observation

    def _after_step(self, observation: Any, reward: Any, done: Any, info: Any) -> Any:
        return observation, reward, done, info


class VectorizeFilter(Wrapper):
    """Gives each environment a filter of its own, which sees and changes what comes out of it.

    Args:
        filter_factory: Makes a `Filter`; it gets all further arguments.
    """

    autovectorize = False

    def __init__(
        self, env: Any, filter_factory: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(env)
        self._make: Callable[[], Any] = functools.partial(filter_factory, *args, **kwargs)
        self.filter_n: list[Any] = []

    def _reset(self) -> Any:
        observation_n = self.env.reset()
        return [
            own._after_reset(observation)
            for own, observation in zip(self._filters(observation_n), observation_n, strict=True)
        ]

    def _step(self, action: Any) -> Any:
        observation_n, reward_n, done_n, info = self.env.step(action)
        filtered = [
            own._after_step(*stepped)
            for own, *stepped in zip(
                self._filters(observation_n),
                observation_n,
                reward_n,
                done_n,
                info["n"],
                strict=True,
            )
        ]
        observation_n, reward_n, done_n, info_n = (
            list(each) for each in zip(*filtered, strict=True)
        )
        return observation_n, reward_n, done_n, {**info, "n": info_n}

    def _filters(self, observation_n: list[Any]) -> list[Any]:
        if not self.filter_n:
            self.filter_n = [self._make() for _ in observation_n]
        return self.filter_n


def merge_info(into: dict[str, Any], newer: dict[str, Any]) -> None:
    """Merge the infos of two steps that are reported as one.

    Counts and timers ("stats." but "stats.gauges") add up; everything else is the newer one's. The
    lists under "n" are merged one by one.
    """
    for key, value in newer.items():
        old = into.get(key)
        if key == "n" and isinstance(old, list):
            for one, other in zip(old, value, strict=True):
                merge_info(one, other)
        elif key.startswith("stats.") and not key.startswith("stats.gauges") and old is not None:
            into[key] = old + value
        else:
            into[key] = value


class Merged:
    """Several steps of a vectorized environment as one; what follows an end is kept for the next.

    Args:
        n: Number of environments.
    """

    def __init__(self, n: int) -> None:
        self._rewards = [0.0] * n
        self._dones = [False] * n
        self._next_rewards = [0.0] * n
        self._next_dones = [False] * n
        self._observations: list[Any] = []
        self._info: dict[str, Any] = {"n": [{} for _ in range(n)]}

    def add(self, result: Any) -> None:
        """Take one more step."""
        observation_n, reward_n, done_n, info = result
        self._observations = observation_n
        for i, (reward, done) in enumerate(zip(reward_n, done_n, strict=True)):
            if self._dones[i]:
                self._next_rewards[i] += reward
                self._next_dones[i] = self._next_dones[i] or done
            else:
                self._rewards[i] += reward
                self._dones[i] = done
        merge_info(self._info, info)

    def take(self) -> tuple[list[Any], list[float], list[bool], dict[str, Any]]:
        """What to report; what came after an end begins the next report."""
        taken = self._observations, self._rewards, self._dones, self._info
        n = len(self._rewards)
        self._rewards, self._next_rewards = self._next_rewards, [0.0] * n
        self._dones, self._next_dones = self._next_dones, [False] * n
        self._info = {"n": [{} for _ in range(n)]}
        return taken

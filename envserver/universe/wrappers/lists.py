"""Wrappers that change the shape of things: single or list, one environment or several."""

import weakref
from collections.abc import Sequence
from typing import Any

from envserver.universe import vectorized
from envserver.universe.compat import core
from envserver.universe.error import Error


class Vision(vectorized.ObservationWrapper):
    """Observations are the pictures alone, or None."""

    def _observation(self, observation: Any) -> Any:
        return [None if each is None else each["vision"] for each in observation]


class Vectorize(core.Wrapper):
    """A single environment as a vectorized one of 1."""

    def __init__(self, env: Any) -> None:
        if env.metadata.get("runtime.vectorized"):
            raise Error(f"Vectorize wraps single environments, and {env} is vectorized")
        super().__init__(env)
        self.metadata["runtime.vectorized"] = True
        self.n = 1

    def _reset(self) -> Any:
        return [self.env.reset()]

    def _step(self, action: Any) -> Any:
        observation, reward, done, info = self.env.step(action[0])
        return [observation], [reward], [done], {"n": [info]}


class Unvectorize(core.Wrapper):
    """A vectorized environment of 1 as a single one."""

    def __init__(self, env: Any) -> None:
        if not env.metadata.get("runtime.vectorized"):
            raise Error(f"Unvectorize wraps vectorized environments, and {env} is none")
        super().__init__(env)
        self.metadata["runtime.vectorized"] = False

    def _reset(self) -> Any:
        return self._only(self.env.reset())

    def _step(self, action: Any) -> Any:
        observation_n, reward_n, done_n, info = self.env.step([action])
        return self._only(observation_n), reward_n[0], done_n[0], info["n"][0]

    def _only(self, each: Sequence[Any]) -> Any:
        if len(each) != 1:
            raise Error(f"Unvectorize wraps environments of 1 remote, found {len(each)}")
        return each[0]


class WeakUnvectorize(core.Env):
    """Environment `i` of a vectorized one, for who looks on: it cannot be stepped or reset.

    Args:
        env: The vectorized environment; only a weak reference is kept.
        i: Which of its environments.
    """

    def __init__(self, env: Any, i: int) -> None:
        self._env = weakref.ref(env)
        self.i = i
        self.metadata = {**env.metadata, "runtime.vectorized": False}
        self.action_space, self.observation_space = env.action_space, env.observation_space
        self.spec = env.spec

    def _render(self, mode: str, close: bool) -> Any:
        env = self._env()
        if env is None:
            raise Error("the vectorized environment is gone")
        return env.render(mode=mode, close=close)


class EpisodeID(vectorized.Wrapper):
    """Numbers the episodes of all environments together, in the order in which they began.

    `info["n"][i]["vectorized.episode_id"]` is the number, and `info["vectorized.done_to"]` says
    that all episodes with smaller ones are done.

    Args:
        episode_limit: No number is given from there on: None.
    """

    def __init__(self, env: Any, episode_limit: int | None = None) -> None:
        super().__init__(env)
        self._limit = episode_limit
        self._next = 0
        self._numbers: list[int | None] = []
        self._done: set[int] = set()
        self.done_to = 0

    def _reset(self) -> Any:
        observation_n = self.env.reset()
        self._finish([number for number in self._numbers if number is not None])
        self._numbers = [self._new() for _ in observation_n]
        return observation_n

    def _step(self, action: Any) -> Any:
        observation_n, reward_n, done_n, info = self.env.step(action)
        if not self._numbers:
            self._numbers = [self._new() for _ in observation_n]
        for own, number in zip(info["n"], self._numbers, strict=True):
            own["vectorized.episode_id"] = number
        for i, done in enumerate(done_n):
            number = self._numbers[i]
            if done and number is not None:
                self._finish([number])
                self._numbers[i] = self._new()
        info["vectorized.done_to"] = self.done_to
        return observation_n, reward_n, done_n, info

    def _new(self) -> int | None:
        if self._limit is not None and self._next >= self._limit:
            return None
        self._next += 1
        return self._next - 1

    def _finish(self, numbers: list[int]) -> None:
        self._done.update(numbers)
        while self.done_to in self._done:
            self._done.remove(self.done_to)
            self.done_to += 1


class Joint(vectorized.Env):
    """Several vectorized environments as one, side by side.

    Args:
        env_m: The environments, configured.
    """

    def __init__(self, env_m: Sequence[Any]) -> None:
        if not env_m:
            raise Error("env_m is empty, expected vectorized environments")
        for env in env_m:
            if not env.metadata.get("runtime.vectorized") or env.n is None:
                raise Error(f"Joint joins vectorized environments that are configured, not {env}")
        self.env_m = list(env_m)
        self.n = sum(env.n for env in env_m)
        first = env_m[0]
        self.metadata = dict(first.metadata)
        self.action_space, self.observation_space = first.action_space, first.observation_space
        self.spec = None

    def _reset(self) -> Any:
        return [observation for env in self.env_m for observation in env.reset()]

    def _step(self, action: Any) -> Any:
        if len(action) != self.n:
            raise Error(f"could not compile actions: found {len(action)}, expected {self.n}")
        observation_n, reward_n, done_n = [], [], []
        infos: dict[str, Any] = {"n": []}
        at = 0
        for env in self.env_m:
            observations, rewards, dones, info = env.step(action[at : at + env.n])
            at += env.n
            observation_n += observations
            reward_n += rewards
            done_n += dones
            infos = {**infos, **info, "n": infos["n"] + info["n"]}
        return observation_n, reward_n, done_n, infos

    def _render(self, mode: str, close: bool) -> Any:
        return self.env_m[0].render(mode=mode, close=close)

    def _close(self) -> None:
        for env in self.env_m:
            env.close()

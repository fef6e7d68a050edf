"""The classes of gym as Universe's scripts know them: `Env`, `Wrapper` and its three kinds.

Each public method calls its hook with an underscore, and each hook by default what it wraps, so
that a script may override either: `_step` as in 2016, or `step` as later.
"""

from typing import Any


class Env:
    """What a script subclasses to make an environment of its own."""

    metadata: dict[str, Any] = {"render.modes": []}  # noqa: RUF012
    reward_range = (-float("inf"), float("inf"))
    action_space: Any = None
    observation_space: Any = None
    spec: Any = None

    def configure(self, *args: Any, **kwargs: Any) -> None:
        self._configure(*args, **kwargs)

    def reset(self) -> Any:
        return self._reset()

    def step(self, action: Any) -> Any:
        return self._step(action)

    def render(self, mode: str = "human", close: bool = False) -> Any:
        return self._render(mode, close)

    def seed(self, seed: int | None = None) -> Any:
        return self._seed(seed)

    def close(self) -> None:
        self._close()

    @property
    def unwrapped(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _configure(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to configure."""

    def _reset(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no reset")

    def _step(self, action: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def _render(self, mode: str, close: bool) -> Any:
        return None

    def _seed(self, seed: int | None) -> Any:
        return []

    def _close(self) -> None:
        """Nothing to close."""


class Wrapper(Env):
    """An environment around another.

    Args:
        env: The other one.
    """

    def __init__(self, env: Any = None) -> None:
        self.env = env
        self.metadata = dict(env.metadata)
        self.action_space = env.action_space
        self.observation_space = env.observation_space
        self.reward_range = getattr(env, "reward_range", self.reward_range)

    @property
    def spec(self) -> Any:
        return self.env.spec

    @spec.setter
    def spec(self, spec: Any) -> None:
        self.env.spec = spec

    @property
    def unwrapped(self) -> Any:
        return self.env.unwrapped

    def _configure(self, *args: Any, **kwargs: Any) -> None:
        self.env.configure(*args, **kwargs)

    def _reset(self) -> Any:
        return self.env.reset()

    def _step(self, action: Any) -> Any:
        return self.env.step(action)

    def _render(self, mode: str, close: bool) -> Any:
        return self.env.render(mode=mode, close=close)

    def _seed(self, seed: int | None) -> Any:
        return self.env.seed(seed)

    def _close(self) -> None:
        self.env.close()

    def __str__(self) -> str:
        return f"<{type(self).__name__}{self.env}>"


class ObservationWrapper(Wrapper):
    """Changes what is seen: override `observation` or `_observation`."""

    def _reset(self) -> Any:
        return self.observation(self.env.reset())

    def _step(self, action: Any) -> Any:
        observation, reward, done, info = self.env.step(action)
        return self.observation(observation), reward, done, info

    def observation(self, observation: Any) -> Any:
        return self._observation(observation)

    def _observation(self, observation: Any) -> Any:
        return observation


class ActionWrapper(Wrapper):
    """Changes what is done: override `action` or `_action`."""

    def _step(self, action: Any) -> Any:
        return self.env.step(self.action(action))

    def action(self, action: Any) -> Any:
        return self._action(action)

    def _action(self, action: Any) -> Any:
        return action


class RewardWrapper(Wrapper):
    """Changes what is earned: override `reward` or `_reward`."""

    def _step(self, action: Any) -> Any:
        observation, reward, done, info = self.env.step(action)
        return observation, self.reward(reward), done, info

    def reward(self, reward: Any) -> Any:
        return self._reward(reward)

    def _reward(self, reward: Any) -> Any:
        return reward

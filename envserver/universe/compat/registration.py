"""`gym.make` and `gym.spec` where no gym is installed.

Universe's names go to the Universe API, what a script registers itself is made as it says, and
anything else is Gymnasium's, with the signatures of 2016: `reset` gives the observation alone,
`step` four values.
"""

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import gymnasium

from envserver.universe import registry as names
from envserver.universe.compat import core
from envserver.universe.error import Error, UnregisteredEnv
from envserver.universe.stand_ins import is_universe_id


@dataclasses.dataclass(frozen=True)
class Registered:
    """What a script registered."""

    id: str
    entry_point: str | Callable[..., Any]
    kwargs: Mapping[str, Any]
    tags: Mapping[str, Any]
    reward_threshold: float | None = None
    max_episode_steps: int | None = None

    def make(self) -> Any:
        """Make one."""
        maker = self.entry_point
        if isinstance(maker, str):
            module, colon, name = maker.partition(":")
            if not colon:
                raise Error(f"entry_point is {maker!r}, expected 'module:Class'")
            maker = getattr(import_module(module), name)
        env = maker(**self.kwargs)
        env.spec = self
        return env


_registered: dict[str, Registered] = {}


def register(
    id: str,
    entry_point: str | Callable[..., Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    reward_threshold: float | None = None,
    max_episode_steps: int | None = None,
    **_: Any,
) -> None:
    """Give an environment of the script's own a name.

    Raises:
        Error: it has no entry point.
    """
    if entry_point is None:
        raise Error(f"register({id!r}) has no entry_point, expected 'module:Class'")
    _registered[id] = Registered(
        id, entry_point, kwargs or {}, tags or {}, reward_threshold, max_episode_steps
    )


def spec(id: str) -> Any:
    """What is known of a name.

    Raises:
        UnregisteredEnv: nothing is called so.
    """
    if id in _registered:
        return _registered[id]
    if is_universe_id(id):
        return names.spec(id)
    try:
        return _of_gymnasium(gymnasium.spec(id))
    except gymnasium.error.Error as error:
        raise UnregisteredEnv(str(error)) from error


def _of_gymnasium(found: Any) -> names.EnvSpec:
    limit = found.max_episode_steps
    return names.EnvSpec(found.id, {names.STEPS_TAG: limit}, limit, limit)


def make(id: str, **kwargs: Any) -> Any:
    """Make an environment.

    Raises:
        UnregisteredEnv: nothing is called so.
    """
    found = spec(id)
    if isinstance(found, Registered) or is_universe_id(id):
        return found.make()
    return FourTuple(gymnasium.make(id, **kwargs))


class Registry:
    """`gym.envs.registry`: what the script registered, and what Gymnasium knows."""

    @property
    def env_specs(self) -> dict[str, Any]:
        """All of them by name."""
        theirs = {name: _of_gymnasium(each) for name, each in gymnasium.registry.items()}
        return {**theirs, **_registered}

    def all(self) -> list[Any]:
        """All of them."""
        return list(self.env_specs.values())

    make, spec, register = staticmethod(make), staticmethod(spec), staticmethod(register)


registry = Registry()


class FourTuple(core.Env):
    """A Gymnasium environment with the signatures of 2016."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.metadata = {"render.modes": ["rgb_array"], **env.metadata}
        self.action_space, self.observation_space = env.action_space, env.observation_space
        self.spec = env.spec
        self._next_seed: int | None = None

    @property
    def unwrapped(self) -> Any:
        return self.env.unwrapped

    def _seed(self, seed: int | None) -> Any:
        self._next_seed = seed
        return [seed]

    def _reset(self) -> Any:
        seed, self._next_seed = self._next_seed, None
        return self.env.reset(seed=seed)[0]

    def _step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated or truncated, info

    def _render(self, mode: str, close: bool) -> Any:
        return None if close else self.env.render()

    def _close(self) -> None:
        self.env.close()

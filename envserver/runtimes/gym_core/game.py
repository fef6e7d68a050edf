"""One Gymnasium environment: made by its id, stepped by action numbers, seen as frames.

Ids: `gym-core.<Name>-v<k>` is Gymnasium's `<Name>-v<k>`; `gym-core.<Name>-v0` is `ALE/<Name>-v5`
where that is an Atari game (one frame a step); any other id is Gymnasium's own, such as
`ALE/Pong-v5` or `module:Id-v0`. Catch-v0 is ours, and known to Gymnasium wherever this is imported.
"""

import math
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envserver.runtimes.gym_core.actions import action_table
from envserver.runtimes.gym_core.errors import EnvironmentFailed, UnknownEnvironment

PREFIX = "gym-core."
MAX_INFO_ITEMS = 64
MAX_INFO_DEPTH = 4

Frame = NDArray[np.uint8]

gymnasium.register("Catch-v0", entry_point="envserver.runtimes.gym_core.catch:Catch")


class Step(NamedTuple):
    """What one environment step gave."""

    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Game:
    """An environment and its newest frame.

    Raises:
        UnknownEnvironment: Gymnasium cannot make it.
        UnsupportedActionSpace: it cannot be played by keys.
        EnvironmentFailed: it raised, or drew no uint8 (height, width, 3).
    """

    def __init__(self, env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> None:
        self.env_id = env_id
        self.gym_id = gym_id(env_id)
        self._kwargs = dict(env_kwargs or {})
        self._env = _make(self.gym_id, self._kwargs)
        self._seeded = False
        self.actions = action_table(self._env)
        self.reset(first=True)

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
        *,
        first: bool = False,
    ) -> dict[str, Any]:
        """Begin an episode and return its info.

        The first one is the same in every process that was forked with this game; the first
        unseeded one after it takes a random seed (ALE needs 90 ms for any seed, too long for the
        start).
        """
        if seed is None and not self._seeded and not first:
            seed = secrets.randbits(31)
        self._seeded = self._seeded or seed is not None
        try:
            _, info = self._env.reset(seed=seed, options=options)
        except Exception as error:
            raise self._failed("reset", error) from error
        self.frame = self._render()
        return jsonable_info(info)

    def step(self, action: int) -> Step:
        """Do the numbered action and draw."""
        try:
            _, reward, terminated, truncated, info = self._env.step(self.actions[action].value)
        except Exception as error:
            raise self._failed("step", error) from error
        self.frame = self._render()
        told = jsonable_info(info) if info else {}
        number = float(reward)
        if not math.isfinite(number):
            told["rewarder.fault"] = f"reward is {number}"
            number = 0.0
        return Step(number, bool(terminated), bool(truncated), told)

    def describe(self, fps: float) -> dict[str, Any]:
        """What a trainer needs to build its action space, without importing the environment."""
        spec = self._env.spec
        return {
            "env_id": self.env_id,
            "gym_id": self.gym_id,
            "num_actions": len(self.actions),
            "action_meanings": [action.meaning for action in self.actions],
            "keys": [list(action.keys) for action in self.actions],
            "keysyms": [list(action.keysyms) for action in self.actions],
            "frame": [self.frame.shape[0], self.frame.shape[1]],
            "fps": fps,
            "max_episode_steps": (spec.max_episode_steps if spec else None) or 0,
        }

    def close(self) -> None:
        self._env.close()

    def _render(self) -> Frame:
        try:
            drawn = self._env.render()
        except Exception as error:
            raise self._failed("render", error) from error
        if not isinstance(drawn, np.ndarray) or drawn.dtype != np.uint8:
            raise EnvironmentFailed(f"{self.gym_id}: render gave {type(drawn).__name__}, no uint8")
        if drawn.ndim != 3 or drawn.shape[2] != 3 or not drawn.size:
            raise EnvironmentFailed(
                f"{self.gym_id}: render gave shape {drawn.shape}, expected (height, width, 3)"
            )
        # A copy: the environment may draw the next frame into the same array.
        return np.array(drawn, order="C")

    def _failed(self, doing: str, error: Exception) -> EnvironmentFailed:
        return EnvironmentFailed(f"{self.gym_id}: {doing}: {type(error).__name__}: {error}")


def register_atari() -> None:
    """Make the ALE games known to Gymnasium; without ale-py there are none."""
    try:
        import ale_py
        import ale_py.env  # by name only when a game is made: the host wants it before its forks
    except ImportError:
        return
    gymnasium.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


def gym_id(env_id: str) -> str:
    """Gymnasium's id for one of ours."""
    if not env_id.startswith(PREFIX):
        return env_id
    name = env_id.removeprefix(PREFIX)
    # ale-py also registers its retired ids, Pong-v0 among them.
    if not name.endswith("-v0") or (name in gymnasium.registry and not _is_atari(name)):
        return name
    atari = f"ALE/{name.removesuffix('-v0')}-v5"
    return atari if atari in gymnasium.registry else name


def may_switch_to(env_id: str) -> bool:
    """Whether a rewarder's client may ask for it: not for `module:Id`, which imports code."""
    return gym_id(env_id) in gymnasium.registry


def is_atari(env_id: str) -> bool:
    """Whether it is an ALE game: such a one has no threads and may be forked."""
    return _is_atari(gym_id(env_id))


def jsonable_info(info: Mapping[Any, Any]) -> dict[str, Any]:
    """The parts of an info that JSON can carry; large arrays and foreign objects are left out."""
    made = {}
    for name, value in info.items():
        if isinstance(name, str):
            kept = _jsonable(value, MAX_INFO_DEPTH)
            if kept is not _LEFT_OUT:
                made[name] = kept
    return made


_LEFT_OUT = object()


def _jsonable(value: Any, depth: int) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _LEFT_OUT
    if isinstance(value, np.ndarray) and value.size <= MAX_INFO_ITEMS:
        value = value.tolist()
        return _jsonable(value, depth) if not isinstance(value, list) else _items(value, depth)
    if isinstance(value, (list, tuple)) and len(value) <= MAX_INFO_ITEMS:
        return _items(value, depth)
    if isinstance(value, dict) and len(value) <= MAX_INFO_ITEMS and depth:
        pairs = ((key, _jsonable(each, depth - 1)) for key, each in value.items())
        return {key: each for key, each in pairs if isinstance(key, str) and each is not _LEFT_OUT}
    return _LEFT_OUT


def _items(values: list[Any] | tuple[Any, ...], depth: int) -> Any:
    if not depth:
        return _LEFT_OUT
    kept = [_jsonable(each, depth - 1) for each in values]
    return _LEFT_OUT if any(each is _LEFT_OUT for each in kept) else kept


def _is_atari(name: str) -> bool:
    spec = gymnasium.registry.get(name)
    return spec is not None and str(spec.entry_point).startswith("ale_py")


def _make(name: str, env_kwargs: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    kwargs = dict(env_kwargs)
    if _is_atari(name):
        kwargs.setdefault("frameskip", 1)
    try:
        return gymnasium.make(
            name, **{"disable_env_checker": True, **kwargs, "render_mode": "rgb_array"}
        )
    except (gymnasium.error.Error, ImportError) as error:
        raise UnknownEnvironment(f"{name}: {error}") from error
    except Exception as error:
        raise EnvironmentFailed(f"{name}: make: {type(error).__name__}: {error}") from error

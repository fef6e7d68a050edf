"""Names: `spec` says what an environment is, `make` makes one, `runtime_spec` its runtime."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from envserver.universe.error import Error
from envserver.universe.stand_ins import (
    RUNTIMES,
    family_of,
    gym_core_id,
    is_atari,
    is_universe_id,
)

if TYPE_CHECKING:
    from envserver.universe.envs import VNCEnv

GAME_SIZE = {"width": 800, "height": 640}
"""What Flash games are said to measure: a crop of it, from where Universe's browser showed them,
holds most of a stand-in's picture."""
IMAGES = {
    "flashgames": "quay.io/openai/universe.flashgames:0.20.28",
    "gym-core": "quay.io/openai/universe.gym-core:0.20.6",
    "world-of-bits": "quay.io/openai/universe.world-of-bits:0.20.0",
}
STEPS_TAG = "wrapper_config.TimeLimit.max_episode_steps"
MOST_STEPS, ATARI_STEPS, CARTPOLE_STEPS = 10**7, 100_000, 500


@dataclasses.dataclass
class EnvSpec:
    """What is known of an environment before it runs.

    Attributes:
        max_episode_steps: What agents compare their steps with, as Universe had it; also in
            `tags` under `STEPS_TAG`. Episodes here do not end by it, and scripts may set it.
    """

    id: str
    tags: dict[str, Any]
    max_episode_steps: int | None = None
    timestep_limit: int | None = None
    reward_threshold: float | None = None
    nondeterministic: bool = True

    def make(self) -> "VNCEnv":
        """An environment of this name, to be configured."""
        from envserver.universe.envs import VNCEnv

        return VNCEnv(self)


def spec(env_id: str) -> EnvSpec:
    """Look a name up.

    Raises:
        UnregisteredEnv: nothing is called so.
    """
    family = family_of(env_id)
    limit = MOST_STEPS
    tags: dict[str, Any] = {"vnc": True, "runtime": RUNTIMES.get(family, family)}
    if family in ("flashgames", "wob", "internet"):
        tags[family] = True
    if family == "gym-core":
        ours = gym_core_id(env_id)
        tags["gym_core_id"] = env_id.removeprefix("gym-core.")
        if is_atari(ours):
            tags["atari"] = True
        limit = ATARI_STEPS if is_atari(ours) else CARTPOLE_STEPS if "CartPole" in ours else limit
    return EnvSpec(env_id, {**tags, STEPS_TAG: limit}, limit, limit)


def make(env_id: str) -> "VNCEnv":
    """Make an environment; `configure` then starts its remotes.

    Raises:
        UnregisteredEnv: nothing is called so.
    """
    return spec(env_id).make()


class _GameSizes(Mapping[str, Mapping[str, Any]]):
    """Any game of a family; listing them is not possible."""

    def __init__(self, runtime: str) -> None:
        self._runtime = runtime

    def __getitem__(self, env_id: str) -> Mapping[str, Any]:
        if not is_universe_id(env_id) or spec(env_id).tags["runtime"] != self._runtime:
            raise KeyError(env_id)
        return GAME_SIZE

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclasses.dataclass(frozen=True)
class RuntimeSpec:
    """One of Universe's runtimes.

    Attributes:
        id: Its name.
        image: What Universe ran; it is not started here.
        server_registry: `[env_id]["width"]` and `["height"]` of its games.
    """

    id: str
    image: str
    server_registry: Mapping[str, Mapping[str, Any]]


def runtime_spec(name: str) -> RuntimeSpec:
    """Look one of Universe's runtimes up.

    Raises:
        Error: there is none of that name.
    """
    if name not in IMAGES:
        raise Error(f"no runtime is called {name!r}, known are {', '.join(IMAGES)}")
    return RuntimeSpec(name, IMAGES[name], _GameSizes(name))


def docker_image(name: str) -> str:
    """The image that Universe ran for one of its runtimes; nothing here starts it."""
    return runtime_spec(name).image

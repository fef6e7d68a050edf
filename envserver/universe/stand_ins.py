"""Which of our environments plays the part of one that Universe had.

The programs of Universe's images (Flash, a Chrome of 2016, GTA V) are not here. A stand-in takes
the keys of the original and has rewards and episodes; it is another game, and says so.
"""

import dataclasses
import re
from collections.abc import Mapping

from envserver.errors import InvalidRuntime
from envserver.names import ATARI_GAMES
from envserver.originals import original, running_substitute
from envserver.runtimes_file import load_runtimes
from envserver.universe.error import Error, UnregisteredEnv
from envserver.universe.spaces.vnc_event import keycode

RUNTIMES = {
    "flashgames": "flashgames",
    "gym-core": "gym-core",
    "wob": "world-of-bits",
    "internet": "flashgames",
    "gtav": "vnc-windows",
    "starcraft": "vnc-windows",
    "world": "vnc-world",
    "test": "vnc-test",
    "VNC": "",
}
"""The families of Universe's names, and the runtime (image) that each of them needed."""

FIRE = {"z": "space", "x": "space"}
WASD = {"w": "up", "a": "left", "s": "down", "d": "right"}
UP_ACTS = {"up": "space", "w": "space"}
GAME_KEYS = {
    "gym-core.Enduro-v0": UP_ACTS,
    "gym-core.SpaceInvaders-v0": UP_ACTS,
    "gym-core.Breakout-v0": UP_ACTS,
    "gym-core.Pong-v0": {"up": "right", "down": "left", "w": "right", "s": "left"},
}
"""Games that have no use for "up": there it is the gas, the shot, the serve; in Pong, Atari calls
up and down right and left."""
VARIANTS = " in today's Atari, where variants of frame skip and version are one"
CLASSIC = {
    "CartPole": {"left": "0", "right": "1"},
    "MountainCar": {"left": "0", "right": "2"},
    "Acrobot": {"left": "0", "right": "2"},
}

_VARIANT = re.compile(r"(Deterministic|NoFrameskip|Sync|LowD|Short|Slow|30FPS|-ram)+$")
_NAME = re.compile(r"(?P<family>[A-Za-z][\w-]*)\.(?P<rest>[\w.-]+)-v(?P<version>\d+)", re.ASCII)
_ATARI = {game.lower(): game for game in ATARI_GAMES}


@dataclasses.dataclass(frozen=True)
class StandIn:
    """What runs where a script asked for `asked`.

    Attributes:
        asked: The name in the script.
        name: That of ours, "<runtime>.<Name>-v<k>".
        same: It is the same game.
        keys: The script's keysym -> the one that our environment understands.
    """

    asked: str
    name: str
    same: bool
    keys: Mapping[int, int]
    differs: str = ""
    """What is not the same in the same task, to be said behind its name."""

    @property
    def notice(self) -> str:
        """What the user must know; "" where it is what was asked for."""
        if self.name == self.asked:
            return ""
        if self.same:
            return (
                f"*** {self.asked}: {self.name} STANDS IN FOR IT, the same task{self.differs}. ***"
            )
        return (
            f"*** {self.asked} does not run here: {self.name} STANDS IN FOR IT, which is another "
            f"game. Rewards are not comparable. For the original give "
            f"configure(remotes='vnc://host:5900+15900') of one that runs. ***"
        )


def family_of(env_id: str) -> str:
    """Which family a name belongs to: one of `RUNTIMES`, or a runtime of ours.

    Raises:
        UnregisteredEnv: none.
    """
    match = _NAME.fullmatch(env_id) if isinstance(env_id, str) else None
    families = dict.fromkeys([*RUNTIMES, *load_runtimes()])
    if match is None or match["family"] not in families:
        known = ", ".join(families)
        raise UnregisteredEnv(
            f"no environment is called {env_id!r}: expected <family>.<Name>-v<k>, families are "
            f"{known}"
        )
    return match["family"]


def is_universe_id(env_id: object) -> bool:
    """Whether `make` knows what to do with it."""
    try:
        family_of(env_id)  # type: ignore[arg-type]
    except (UnregisteredEnv, InvalidRuntime):
        return False
    return True


def stand_in(env_id: str) -> StandIn:
    """What runs for a name.

    Raises:
        Error: nothing does; the message names the nearest that would.
    """
    family = family_of(env_id)
    rest = env_id[len(family) + 1 :].rpartition("-v")[0]
    known = load_runtimes()
    if family == "gym-core":
        return _gym_core(env_id, rest)
    found = original(env_id)
    if found is None and family in known:
        return StandIn(env_id, env_id, True, {})
    nearest = running_substitute(env_id, known)
    if family == "flashgames" and nearest is not None:
        keys = _keys(FIRE | WASD | GAME_KEYS.get(nearest, {}))
        return StandIn(env_id, nearest, False, keys)
    if family == "wob" and nearest is not None and _bare(rest) == _bare(_task_of(nearest)):
        return StandIn(env_id, nearest, True, {})
    if found is not None:
        raise Error(found.complaint(nearest))
    raise Error(
        f"{env_id} is no program of ours: give configure(remotes='vnc://host:5900+15900') of one "
        "that runs, or name an environment such as 'xvnc.Desktop-v0'"
    )


def gym_core_id(env_id: str) -> str:
    """The name of ours with the same game: "gym-core.PongDeterministic-v3" is gym-core.Pong-v0."""
    rest, _, version = env_id.removeprefix("gym-core.").rpartition("-v")
    plain = _VARIANT.sub("", rest)
    game = _ATARI.get(plain.lower())
    return f"gym-core.{game}-v0" if game else f"gym-core.{plain}-v{version}"


def is_atari(name: str) -> bool:
    """Whether one of our names is an Atari game."""
    return gym_core_id(name).removeprefix("gym-core.").removesuffix("-v0") in ATARI_GAMES


def _gym_core(env_id: str, rest: str) -> StandIn:
    name = gym_core_id(env_id)
    if is_atari(name):
        return StandIn(env_id, name, True, _keys(FIRE), VARIANTS)
    return StandIn(env_id, name, True, _keys(CLASSIC.get(rest.partition("-")[0], {})))


def _task_of(name: str) -> str:
    return name.partition(".")[2].rpartition("-v")[0]


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().removeprefix("mini."))


def _keys(names: Mapping[str, str]) -> dict[int, int]:
    return {keycode(theirs): keycode(ours) for theirs, ours in names.items()}

"""Which of our environments plays the part of one that Universe had.

The programs of Universe's images (Flash, a Chrome of 2016, GTA V) are not here. A stand-in takes
the keys of the original and has rewards and episodes; it is another game, and says so.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from envserver.errors import InvalidRuntime
from envserver.names import ATARI_GAMES
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

RACING = re.compile(r"rac[ei]|driv|rush|drift|car(?!d)|moto|bike|coaster|truck|speed|kart|rally|f1")
SHOOTING = re.compile(r"shoot|space|star|alien|gun|war|tank|defen[cds]|attack|plane|sniper|blast")
RUNNING = re.compile(r"jump|run|ninja|adventure|platform|quest|mario|climb|escape|dig")
MAZE = re.compile(r"pac|maze|snake|slither|chase|eat|fish")
ANYTHING = re.compile("")

NEAREST = {
    "internet": "gym-core.MsPacman-v0",
    "gtav": "gym-core.Enduro-v0",
    "starcraft": "gym-core.SpaceInvaders-v0",
    "world": "terminal.Shell-v0",
    "test": "gym-core.Pong-v0",
    "VNC": "xvnc.Desktop-v0",
}

FIRE = {"z": "space", "x": "space"}
WASD = {"w": "up", "a": "left", "s": "down", "d": "right"}
UP_ACTS = {"up": "space", "w": "space"}
"""For games that have no use for "up": there it is the gas, the shot, the serve."""
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

    @property
    def notice(self) -> str:
        """What the user must know; "" where it is the same."""
        if self.same:
            return ""
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
    if match is None or (
        match["family"] not in RUNTIMES and match["family"] not in load_runtimes()
    ):
        known = ", ".join(dict.fromkeys([*RUNTIMES, *load_runtimes()]))
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
    finders: dict[str, Callable[[str, str], StandIn]] = {
        "flashgames": _flash_game,
        "gym-core": _gym_core,
        "wob": _world_of_bits,
    }
    if family in finders:
        return finders[family](env_id, rest)
    if family in load_runtimes() and family not in NEAREST:
        return StandIn(env_id, env_id, True, {})
    raise Error(
        f"{env_id} needs what is not here ({RUNTIMES[family] or 'a desktop of yours'}): the "
        f"nearest that runs is {NEAREST[family]!r}; or give "
        "configure(remotes='vnc://host:5900+15900') of one that runs elsewhere"
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


def _flash_game(env_id: str, rest: str) -> StandIn:
    title = rest.lower()
    for pattern, game, keys in (
        (RACING, "Enduro", UP_ACTS),
        (SHOOTING, "SpaceInvaders", UP_ACTS),
        (MAZE, "MsPacman", {}),
        (RUNNING, "Pitfall", {}),
        (ANYTHING, "Breakout", UP_ACTS),
    ):
        if pattern.search(title):
            break
    return StandIn(env_id, f"gym-core.{game}-v0", False, _keys(FIRE | WASD | keys))


def _gym_core(env_id: str, rest: str) -> StandIn:
    name = gym_core_id(env_id)
    if is_atari(name):
        return StandIn(env_id, name, True, _keys(FIRE))
    return StandIn(env_id, name, True, _keys(CLASSIC.get(rest.partition("-")[0], {})))


def _world_of_bits(env_id: str, rest: str) -> StandIn:
    task = rest.removeprefix("mini.")
    runtime = load_runtimes().get("miniwob")
    names = list(runtime.environments) if runtime is not None else []
    for name in names:
        if _bare(name.rpartition("-v")[0]) == _bare(task):
            return StandIn(env_id, f"miniwob.{name}", True, {})
    if runtime is None:
        raise Error(
            f"{env_id} needs the runtime 'miniwob', which this installation does not have; the "
            "nearest that runs is 'terminal.Shell-v0'"
        )
    near = next((name for name in names if _bare(name)[:5] == _bare(task)[:5]), names[0])
    raise Error(
        f"{env_id}: MiniWoB++ has no task {task!r}, the nearest that runs is 'miniwob.{near}'"
    )


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _keys(names: Mapping[str, str]) -> dict[int, int]:
    return {keycode(theirs): keycode(ours) for theirs, ours in names.items()}

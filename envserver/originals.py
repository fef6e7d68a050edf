"""Environment ids of OpenAI Universe: what each needs, and what of ours is nearest to it.

Nothing is substituted here: `make_vec` says what it found, and the trainer chooses.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from envserver.names import ATARI_GAMES

if TYPE_CHECKING:
    from envserver.runtimes_file import Runtime

FLASHGAMES, GYM_CORE, WORLD_OF_BITS = "flashgames", "gym-core", "world-of-bits"
_IMAGES = {FLASHGAMES: "0.20.28", GYM_CORE: "0.20.6", WORLD_OF_BITS: "0.20.0"}
_NO_IMAGE = "a program that was never published with its rewards"
_FAMILIES = {
    "flashgames": FLASHGAMES,
    "internet": FLASHGAMES,
    "wob": WORLD_OF_BITS,
    "gtav": "",
    "starcraft": "",
    "world": "",
}
_ID = re.compile(r"(?P<family>[a-z]+)\.(?P<name>[A-Za-z0-9_.-]+)-v\d+")
_RETIRED_ATARI = re.compile(
    r"gym-core\.(?P<game>[A-Za-z0-9]+?)(?P<flavour>Deterministic|NoFrameskip)?"
    r"(?:Slow|Sync|30FPS|NoFrameskip)*-v(?P<version>\d+)"
)

_NEAREST = {
    "flashgames.DuskDrive": "gym-core.Enduro-v0",
    "flashgames.NeonRace": "gym-core.Enduro-v0",
    "flashgames.NeonRace2": "gym-core.Enduro-v0",
    "flashgames.CoasterRacer": "gym-core.Enduro-v0",
    "flashgames.CoasterRacer2": "gym-core.Enduro-v0",
    "flashgames.HeatRushUsa": "gym-core.Enduro-v0",
    "flashgames.FormulaRacer": "gym-core.Enduro-v0",
    "internet.SlitherIO": "gym-core.MsPacman-v0",
}
_WORDS = (
    (("drive", "race", "racer", "racing", "rush", "car", "drift"), "gym-core.Enduro-v0"),
    (("ski", "snow", "board"), "gym-core.Skiing-v0"),
    (("shoot", "space", "invader", "alien"), "gym-core.SpaceInvaders-v0"),
    (("ball", "pong", "tennis"), "gym-core.Pong-v0"),
    (("box", "fight"), "gym-core.Boxing-v0"),
)
_DEFAULTS = {
    "flashgames": "gym-core.Breakout-v0",
    "internet": "gym-core.MsPacman-v0",
    "gtav": "gym-core.Enduro-v0",
    "starcraft": "gym-core.Breakout-v0",
    "world": "gym-core.Breakout-v0",
}


@dataclasses.dataclass(frozen=True)
class Original:
    """An environment of Universe's."""

    name: str
    image: str
    """With its tag; "" where none was ever published."""
    needs: str

    is_retired: bool = False
    """It is not to be taken for one of ours of the same shape."""

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    def complaint(self, nearest: str | None) -> str:
        """Say what it needs, and what would run here instead."""
        where = (
            f": attach to a running one by remotes='vnc://host:5900+15900' ({self.image})"
            if self.image
            else ""
        )
        hint = f"; the nearest environment that runs here is {nearest!r}" if nearest else ""
        what = f"{self.name!r} is an environment of OpenAI Universe and needs {self.needs}"
        return f"{what}{where}{hint}"


def original(name: str) -> Original | None:
    """What a name stood for in Universe; None where it is no name of Universe's."""
    match = _ID.fullmatch(name)
    if match is not None and match["family"] in _FAMILIES:
        runtime = _FAMILIES[match["family"]]
        if not runtime:
            return Original(name, "", _NO_IMAGE)
        needs = "Universe's own image, privileged"
        if runtime == FLASHGAMES:
            needs += ", with the internet and the Adobe Flash of 2016"
        return Original(name, _image(runtime), needs)
    retired = _RETIRED_ATARI.fullmatch(name)
    if retired is not None and retired["version"] == "3" and retired["game"] in ATARI_GAMES:
        needs = "Universe's own image with its Atari of 2016"
        return Original(name, _image(GYM_CORE), needs, is_retired=True)
    return None


def running_substitute(name: str, runtimes: Mapping[str, "Runtime"]) -> str | None:
    """The nearest environment of `runtimes` to one of Universe's; None where nothing is near."""
    family, _, rest = name.partition(".")
    task = rest.rpartition("-v")[0]
    if family == "gym-core":
        match = _RETIRED_ATARI.fullmatch(name)
        return _present(f"gym-core.{match['game']}-v0" if match else None, runtimes)
    if family == "wob":
        return _nearest_task(task.rpartition(".")[2], runtimes)
    named = _NEAREST.get(f"{family}.{task}")
    if named is None:
        words = [word.lower() for word in re.findall(r"[A-Z][a-z]+|[a-z]+|\d+", task)]
        hits = (ours for near, ours in _WORDS if any(w in words for w in near))
        named = next(hits, _DEFAULTS.get(family))
    return _present(named, runtimes)


def _nearest_task(task: str, runtimes: Mapping[str, "Runtime"]) -> str | None:
    """The nearest of the listed environments by its name; MiniWoB's tasks kept theirs."""
    listed = {
        environment.rpartition("-v")[0]: f"{runtime.name}.{environment}"
        for runtime in _running(runtimes)
        for environment in runtime.environments
        if runtime.name == "miniwob"
    }
    near = difflib.get_close_matches(task, listed, n=1, cutoff=0.4)
    if near:
        return listed[near[0]]
    return next(iter(listed.values()), None) or _present("terminal.Shell-v0", runtimes)


def _present(name: str | None, runtimes: Mapping[str, "Runtime"]) -> str | None:
    if name is None:
        return None
    family, _, environment = name.partition(".")
    runtime = {each.name: each for each in _running(runtimes)}.get(family)
    if runtime is None or not (runtime.takes_any or environment in runtime.environments):
        return None
    return name


def _running(runtimes: Mapping[str, "Runtime"]) -> Iterator["Runtime"]:
    return (runtime for runtime in runtimes.values() if not runtime.needs)


def _image(runtime: str) -> str:
    return f"quay.io/openai/universe.{runtime}:{_IMAGES[runtime]}"

"""What a trainer asks for when it opens a session, checked before anything is started."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from envserver.addresses import parse_addresses
from envserver.arguments import plain_kwargs
from envserver.container_options import PROVIDERS, container_options
from envserver.observing import Shown, shown_of
from envserver.vnc_settings import check_vnc_kwargs, for_desktop
from workers.keysyms import keysym

AUTORESET_MODES = ("next_step", "same_step", "disabled")
CLOCKS = ("real", "step")
WHILE_RESETTING = ("wait", "mask")
SOURCES = ("rfb", "synthetic")
RUNTIMES = ("gym-core", "xvnc", "docker")
MAX_ENVS = 4096
MAX_SIDE_PX = 16384
MAX_SPARES = 64
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TASK = re.compile(r"(?:/.+\.py|[A-Za-z_][\w.]*):[A-Za-z_]\w*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class SessionSpec:
    """A session: how many remotes of which kind, what an observation looks like, and how time runs.

    Raises:
        ValueError: an argument is wrong; the message names it, what was found, and what is allowed.
    """

    runtime: str | None = None
    """The kind: "gym-core", "xvnc", "docker" (containers only), or None with attached remotes."""
    runtime_name: str | None = None
    """The entry of runtimes.yml that it is of."""
    env_id: str | None = None
    num_envs: int = 0
    """0: as many as `remotes` says."""
    remotes: int | str | None = dataclasses.field(default=None, repr=False)  # holds a password
    """A number of remotes to start, or the addresses of running ones (envserver/addresses.py)."""
    height: int = 768
    """Of the screen, in pixels, as is the width."""
    width: int = 1024
    crop: Sequence[int] | None = None
    """The part of the screen that is shown, (x, y, width, height); None: all."""
    size: Sequence[int] | None = None
    """Height and width of an observation; None: those of what is shown."""
    color: str = "rgb"
    """"rgb" or "gray"."""
    exact: bool = False
    """JPEGs are decoded whole and in colour, however little of them observations show."""
    slots: int = 2
    queue_entries: int = 4096
    fps: float | None = None
    clock: str = "real"
    autoreset: str = "next_step"
    while_resetting: str = "wait"
    max_episode_steps: int = 0
    """0: no limit."""
    time_limit_s: float | None = None
    """After which the task's rewarder truncates an episode; None: when the task says so."""
    frame_skip: int = 1
    max_pool: bool = False
    screen: tuple[int, int] | str | None = None
    """Width and height of the desktop in pixels; "native": that of the environment's own frames;
    None: `width` and `height`."""
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    command: str | Sequence[str] | None = None
    """xvnc: the program to run, a shell's line or a list of words."""
    task: str | None = None
    """xvnc: what rewards and resets, "module:Class" or "/path/of/file.py:Class" of an
    `envserver.rewarder.Task`; None: no rewarder."""
    keys: Sequence[str] = ()
    """Those of the action space; (): all."""
    vnc_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """encoding, its levels and subscription (envserver/vnc_settings.py)."""
    provider: str = "auto"
    """"docker": containers; "process": processes of this host; "auto": what is there."""
    container: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """image, shm_size, memory, cpus, pids, capabilities, command, ports
    (envserver/container_options.py)."""
    client_id: str | None = None
    """Who takes the same remotes back after its trainer was restarted; None: nobody."""
    keep_s: float = 300.0
    """How long they are kept for it, in seconds."""
    spares: int = 0
    """Remotes that are started beyond those in use."""
    source: str = "rfb"
    step_timeout_s: float = 5.0
    start_timeout_s: float = 60.0
    reset_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        _check_remotes(self)
        _check_numbers(self)
        shown = self.shown
        object.__setattr__(self, "crop", None if self.crop is None else shown.crop)
        object.__setattr__(self, "size", None if self.size is None else shown.size)
        _one_of("clock", self.clock, CLOCKS)
        _one_of("autoreset", self.autoreset, AUTORESET_MODES)
        _one_of("while_resetting", self.while_resetting, WHILE_RESETTING)
        _one_of("provider", self.provider, PROVIDERS)
        container_options(self.container)
        if self.screen is not None and self.screen != "native":
            if not isinstance(self.screen, Sequence) or len(self.screen) != 2:
                raise ValueError(
                    f"screen is {self.screen!r}, expected (width, height), 'native' or None"
                )
            for side in self.screen:
                _whole("screen", side, 1, MAX_SIDE_PX)
        if self.screen == "native" and self.runtime == "xvnc":
            raise ValueError("screen is 'native', expected (width, height) or None for xvnc")
        object.__setattr__(self, "env_kwargs", plain_kwargs("env_kwargs", self.env_kwargs))
        object.__setattr__(self, "vnc_kwargs", check_vnc_kwargs(self.vnc_kwargs))
        _check_names(self)
        if self.max_pool and self.frame_skip < 2:
            raise ValueError(f"max_pool needs frame_skip >= 2, found frame_skip={self.frame_skip}")
        if self.clock == "step" and self.runtime == "xvnc":
            raise ValueError("clock is 'step', expected 'real': xvnc cannot hold its program still")
        if self.clock == "step" and isinstance(self.remotes, str):
            for address in parse_addresses(self.remotes):
                if not address.rewarder_port:
                    raise ValueError(
                        f"clock is 'step', expected 'real': {address.name} has no rewarder "
                        "that could hold its program still"
                    )

    @property
    def attached(self) -> bool:
        """The remotes run already, at addresses."""
        return isinstance(self.remotes, str)

    @property
    def screen_or_size(self) -> str | tuple[int, int]:
        """The desktop's size, or "native"."""
        return (self.width, self.height) if self.screen is None else self.screen

    @property
    def shown(self) -> Shown:
        """What an observation shows of the screen."""
        return shown_of((self.width, self.height), self.crop, self.size, self.color)

    @property
    def vnc_settings(self) -> dict[str, Any]:
        """`vnc_kwargs`, and what a real desktop is asked for where they say nothing."""
        if self.runtime == "gym-core" or self.source != "rfb":
            return dict(self.vnc_kwargs)
        return for_desktop(self.vnc_kwargs)

    def to_wire(self) -> dict[str, Any]:
        """The spec as a map that msgpack can carry."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("env_kwargs", "vnc_kwargs", "container"):
            fields[name] = dict(fields[name])
        if self.command is not None and not isinstance(self.command, str):
            fields["command"] = list(self.command)
        fields["keys"] = list(self.keys)
        return fields

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> "SessionSpec":
        """The spec that `to_wire` described.

        Raises:
            ValueError: a field is unknown or wrong.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        for name in fields:
            if name not in known:
                raise ValueError(f"session has the unknown field {name!r}")
        return cls(**fields)


def _check_remotes(spec: SessionSpec) -> None:
    _one_of("source", spec.source, SOURCES)
    found: int | None = None
    if isinstance(spec.remotes, str):
        found = len(parse_addresses(spec.remotes))
    elif spec.remotes is not None:
        _whole("remotes", spec.remotes, 1, MAX_ENVS)
        found = spec.remotes
    if spec.num_envs == 0 and found is not None:
        object.__setattr__(spec, "num_envs", found)
    _whole("num_envs", spec.num_envs, 1, MAX_ENVS)
    if found is not None and found != spec.num_envs:
        raise ValueError(
            f"num_envs is {spec.num_envs}, but remotes names {found}: leave one of them out"
        )
    if spec.source == "synthetic" or spec.attached:
        return
    if spec.runtime not in RUNTIMES:
        allowed = ", ".join(repr(name) for name in RUNTIMES)
        raise ValueError(
            f"runtime is {spec.runtime!r}, allowed are {allowed}, or remotes='vnc://host:port'"
        )
    if spec.runtime == "gym-core" and not (isinstance(spec.env_id, str) and spec.env_id):
        raise ValueError(
            f"env_id is {spec.env_id!r}, expected a Gymnasium id such as 'ALE/Pong-v5'"
        )
    if spec.task is not None:
        if spec.runtime != "xvnc":
            raise ValueError(f"task is {spec.task!r}, expected None: only xvnc desktops have one")
        if not isinstance(spec.task, str) or not _TASK.fullmatch(spec.task):
            raise ValueError(
                f"task is {spec.task!r}, expected 'module:Class' or '/path/of/file.py:Class'"
            )
    command = spec.command
    if command is not None and spec.runtime == "gym-core":
        raise ValueError(f"command is {command!r}, expected None: gym-core runs env_id alone")
    if command is not None and not isinstance(command, str):
        words = isinstance(command, Sequence) and all(isinstance(word, str) for word in command)
        if not words or not command:
            raise ValueError(f"command is {command!r}, expected a line or a list of words")


def _check_names(spec: SessionSpec) -> None:
    if spec.spares and spec.attached:
        raise ValueError(f"spares is {spec.spares}, expected 0: the remotes were attached to")
    name = spec.runtime_name
    if name is not None and not (isinstance(name, str) and name):
        raise ValueError(f"runtime_name is {name!r}, expected a name or None")
    if spec.client_id is not None and not (
        isinstance(spec.client_id, str) and _CLIENT_ID.fullmatch(spec.client_id)
    ):
        raise ValueError(
            f"client_id is {spec.client_id!r}, expected up to 64 letters, digits and any of ._-"
        )
    if isinstance(spec.keys, str) or not isinstance(spec.keys, Sequence):
        raise ValueError(f"keys is {spec.keys!r}, expected names of keys")
    object.__setattr__(spec, "keys", tuple(spec.keys))
    for key in spec.keys:
        try:
            keysym(key)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"keys has {key!r}, expected names of keys (X11's keysyms)") from None


def _check_numbers(spec: SessionSpec) -> None:
    if not isinstance(spec.exact, bool):
        raise ValueError(f"exact is {spec.exact!r}, expected True or False")
    _whole("height", spec.height, 1, MAX_SIDE_PX)
    _whole("width", spec.width, 1, MAX_SIDE_PX)
    _whole("slots", spec.slots, 2, 65536)
    _whole("queue_entries", spec.queue_entries, 8, 1 << 20)
    if spec.queue_entries & (spec.queue_entries - 1):
        raise ValueError(f"queue_entries is {spec.queue_entries}, expected a power of two")
    _whole("max_episode_steps", spec.max_episode_steps, 0, 1 << 62)
    _whole("frame_skip", spec.frame_skip, 1, 1000)
    _whole("spares", spec.spares, 0, MAX_SPARES)
    if spec.fps is not None:
        _number("fps", spec.fps, lambda value: 0.01 <= value <= 1000, "None, or 0.01 to 1000")
    if spec.time_limit_s is not None:
        if spec.task is None:
            raise ValueError(f"time_limit_s is {spec.time_limit_s!r}, expected None without a task")
        _number("time_limit_s", spec.time_limit_s, lambda value: 0 < value <= 1e6, "seconds")
    for name in ("keep_s", "step_timeout_s", "start_timeout_s", "reset_timeout_s"):
        _number(name, getattr(spec, name), lambda value: 0 < value <= 1e6, "seconds, more than 0")


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, expected a whole number from {low} to {high}")


def _number(name: str, value: Any, allowed: Callable[[float], bool], expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not allowed(value):
        raise ValueError(f"{name} is {value!r}, expected {expected}")


def _one_of(name: str, value: Any, allowed: Any) -> None:
    if isinstance(value, bool) or value not in allowed:
        listed = (
            f"{allowed[0]} to {allowed[-1]}"
            if isinstance(allowed, range)
            else ", ".join(repr(each) for each in allowed)
        )
        raise ValueError(f"{name} is {value!r}, allowed are {listed}")

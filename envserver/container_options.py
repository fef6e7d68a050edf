"""What a session may say about the containers of its remotes, checked before any starts."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

PROVIDERS = ("auto", "docker", "process")
SERVERS = ("vnc", "rewarder")
MIB = 1 << 20
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*", re.ASCII)
_CAPABILITY = re.compile(r"[A-Z][A-Z_]*")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
DEFAULT_CPUS = 2.0
MIN_SHM_BYTES = 64 << 10
MIN_MEMORY_BYTES = 6 << 20


@dataclasses.dataclass(frozen=True)
class ContainerOptions:
    """The limits of one container. Sizes are bytes."""

    image: str = ""
    """name:tag; one of ours, "envserver/...", needs no tag; "": the one of the runtime's kind."""
    shm_size: int = 256 * MIB
    memory: int = 2048 * MIB
    cpus: float | None = None
    """None: DEFAULT_CPUS, or what the engine has where that is less."""
    pids: int = 512
    capabilities: tuple[str, ...] = ()
    """Kept beside none, such as "SYS_PTRACE"."""
    command: tuple[str, ...] | None = None
    """Instead of the image's own; None: what the runtime says."""
    ports: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Where the "vnc" server and the "rewarder" listen inside, for an image that is not ours; {}:
    at 5900 and 15900, if the image exposes them."""


OPTIONS = tuple(field.name for field in dataclasses.fields(ContainerOptions))


def container_options(given: Mapping[str, Any]) -> ContainerOptions:
    """Read `container={...}`.

    Raises:
        ValueError: a key is unknown or its value wrong; the message names it and what is allowed.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"container is {given!r}, expected a mapping")
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name not in OPTIONS:
            raise ValueError(f"container has {name!r}, allowed are {', '.join(OPTIONS)}")
        fields[name] = _READERS[name](f"container[{name!r}]", value)
    return ContainerOptions(**fields)


def with_cpus(options: ContainerOptions, engine_cpus: int | None) -> ContainerOptions:
    """The options with a number of cores that an engine can give.

    Args:
        engine_cpus: how many it has; None: that is not known.

    Raises:
        ValueError: more were asked for.
    """
    if options.cpus is None:
        cpus = DEFAULT_CPUS if engine_cpus is None else min(DEFAULT_CPUS, engine_cpus)
        return dataclasses.replace(options, cpus=cpus)
    if engine_cpus is not None and options.cpus > engine_cpus:
        raise ValueError(
            f"container['cpus'] is {options.cpus:g}, expected at most {engine_cpus}: the Docker"
            " engine has no more"
        )
    return options


def size_bytes(name: str, value: Any, least: int) -> int:
    """Read a size: a whole number of bytes, or a text such as "512m".

    Raises:
        ValueError: it is none, or smaller than `least`.
    """
    found = -1
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        found = int(float(match[1]) * _UNITS[match[2].lower()])
    if found < least:
        raise ValueError(
            f"{name} is {value!r}, expected a size such as '512m', at least {least} bytes"
        )
    return found


def _image(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        raise ValueError(f"{name} is {value!r}, expected an image such as 'envserver/terminal:1'")
    return value


def _cpus(name: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.01 <= value <= 1024:
        raise ValueError(f"{name} is {value!r}, expected a number of cores from 0.01 to 1024")
    return float(value)


def _pids(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 16 <= value <= 1 << 22:
        raise ValueError(f"{name} is {value!r}, expected a whole number from 16 to {1 << 22}")
    return value


def _capabilities(name: str, value: Any) -> tuple[str, ...]:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{name} is {value!r}, expected a list such as ['SYS_PTRACE']")
    found = tuple(each.upper().removeprefix("CAP_") for each in value)
    for each in found:
        if each == "ALL" or not _CAPABILITY.fullmatch(each):
            raise ValueError(f"{name} has {each!r}, expected single ones such as 'SYS_PTRACE'")
    return found


def _command(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed or not value or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{name} is {value!r}, expected a list of words")
    return tuple(value)


def _ports(name: str, value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"{name} is {value!r}, expected a map such as {{'vnc': 5900}}")
    for server, port in value.items():
        if server not in SERVERS:
            raise ValueError(f"{name} has {server!r}, allowed are {', '.join(SERVERS)}")
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise ValueError(
                f"{name}: {server} is {port!r}, expected a whole number from 1 to 65535"
            )
    return dict(value)


_READERS = {
    "image": _image,
    "shm_size": lambda name, value: size_bytes(name, value, MIN_SHM_BYTES),
    "memory": lambda name, value: size_bytes(name, value, MIN_MEMORY_BYTES),
    "cpus": _cpus,
    "pids": _pids,
    "capabilities": _capabilities,
    "command": _command,
    "ports": _ports,
}

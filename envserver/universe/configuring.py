"""The arguments of `configure`, checked: what they mean here, and which of them mean nothing."""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from envserver.addresses import Address, parse_addresses
from envserver.spec import MAX_ENVS
from envserver.universe.error import Error
from envserver.universe.logs import warn_once

FPS = 60.0
MANAGED = ("address", "name", "password", "start_timeout")
"""Of vnc_kwargs: what the address says, or `configure` itself."""
IGNORED = {
    "allocate_sync": "remotes start behind the first steps",
    "api_key": "there is no allocator",
    "disable_action_probes": "no probe keys are sent",
    "docker_image": "runtimes.yml names the images",
    "episode_limit": "there is no limit to episodes",
    "ignore_clock_skew": "clocks are not compared",
    "observer": "the agent is always the active client",
    "pool_size": "each remote has a worker process",
    "record": "no recorder is built in",
    "replace_on_crash": "a remote that crashed is always restarted",
    "rewarder_driver": "there is one driver",
    "sample_env_ids": "the environment is the one that was made",
    "skip_metadata": "nothing is painted into the picture",
    "vnc_driver": "there is one driver",
}
"""Arguments of Universe's that are accepted, and why they do nothing."""
SILENT = {"allocate_sync", "disable_action_probes", "ignore_clock_skew", "vnc_driver"}
"""What nobody misses is not worth a warning when it says what is so anyway."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    """What `configure` was told.

    Attributes:
        addresses: Of remotes that run already, one address each; None: they are started.
        n: How many remotes.
        start_timeout_s: How long a remote may take to show its first picture; None: as long as its
            runtime says.
        fps: Steps a second; None: no throttle.
        vnc_kwargs: For SessionSpec.
        client_id: Who takes the same remotes back, where the daemon lasts.
    """

    addresses: tuple[str, ...] | None
    n: int
    start_timeout_s: float | None
    fps: float | None
    vnc_kwargs: Mapping[str, Any]
    client_id: str | None

    def address(self, index: int) -> str | None:
        return self.addresses[index] if self.addresses is not None else None

    def client_of(self, index: int) -> str | None:
        return f"{self.client_id}-{index}" if self.client_id is not None else None


def parse_configuration(
    remotes: Any = None,
    client_id: str | None = None,
    start_timeout: float | None = None,
    vnc_kwargs: Mapping[str, Any] | None = None,
    fps: Any = "default",
    **others: Any,
) -> Configuration:
    """Check what `configure` was given.

    Raises:
        Error: an argument is unknown or wrong; the message names it.
    """
    for name, value in others.items():
        if name not in IGNORED:
            known = ("remotes", "client_id", "start_timeout", "vnc_kwargs", "fps", *IGNORED)
            raise Error(f"configure has no argument {name!r}, allowed are {', '.join(known)}")
        if value is not None and value is not False and name not in SILENT:
            warn_once(f"configure({name}=...) is ignored: {IGNORED[name]}")
    kwargs = dict(vnc_kwargs or {})
    password = kwargs.get("password") or None
    addresses, n = _remotes(remotes, password)
    if start_timeout is None:
        start_timeout = kwargs.get("start_timeout")
    return Configuration(
        addresses,
        n,
        None if start_timeout is None else _positive("start_timeout", start_timeout),
        _fps(fps),
        _vnc_kwargs(kwargs),
        client_id,
    )


def _remotes(remotes: Any, password: str | None) -> tuple[tuple[str, ...] | None, int]:
    if remotes is None:
        remotes = os.environ.get("GYM_VNC_REMOTES") or "1"
    if isinstance(remotes, str) and remotes.strip().isdecimal():
        remotes = int(remotes)
    if isinstance(remotes, int) and not isinstance(remotes, bool):
        if not 1 <= remotes <= MAX_ENVS:
            raise Error(f"remotes is {remotes}, expected 1 to {MAX_ENVS}")
        return None, remotes
    if not isinstance(remotes, str):
        raise Error(f"remotes is {remotes!r}, expected a number or 'vnc://host:5900+15900'")
    if remotes.startswith(("http://", "https://")):
        raise Error(
            "remotes is an allocator's URL, whose server was never published: expected a number or "
            "'vnc://host:5900+15900,...'"
        )
    try:
        found = parse_addresses(remotes)
    except ValueError as error:
        raise Error(str(error)) from error
    given = "?password=" in remotes
    return tuple(_alone(each, None if given else password) for each in found), len(found)


def _alone(address: Address, password: str | None) -> str:
    from urllib.parse import quote

    return f"vnc://{address.name}?password={quote(password or address.password, safe='')}"


def _vnc_kwargs(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing (None, "") and what is not the encoding's; -1 turns a level off."""
    return {
        name: value
        for name, value in given.items()
        if name not in MANAGED and value is not None and value != ""
    }


def _fps(fps: Any) -> float | None:
    if fps == "default":
        return FPS
    return None if fps is None else _positive("fps", fps, lambda value: value <= 1000)


def _positive(name: str, value: Any, fits: Callable[[float], bool] = lambda value: True) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value > 0 and fits(float(value)))
    ):
        raise Error(f"{name} is {value!r}, expected a number above 0")
    return float(value)

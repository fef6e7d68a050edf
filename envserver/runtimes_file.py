"""Reads runtimes.yml: which runtimes there are, what a name like "gym-core.Pong-v0" asks for.

`envserver.runtimes_schema` says what the file may hold. A remote's rewarder is told which
environment to run by the full name "<runtime>.<Name>-v<k>"; `find_environment` says what that is.
"""

import dataclasses
import difflib
import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envserver.errors import InvalidRuntime
from envserver.installation import data_path
from envserver.names import GYM_CORE
from envserver.originals import original, running_substitute
from envserver.runtimes_schema import ANY, Entry, read_entries

DEFAULT_FPS = 60.0
"""Of environments that say nothing else."""

_ANY_NAME = re.compile(r"[A-Za-z0-9_-]+-v\d+")
_ANY_ORIGINAL = re.compile(r"[A-Za-z0-9_.-]+-v\d+")
_SESSION = ("env_id", "task", "command", "env_kwargs", "screen", "keys", "max_episode_steps")
"""Keys of both that are fields of SessionSpec."""
_CONTAINER = ("image", "shm_size", "memory", "cpus", "pids", "capabilities", "ports")


@dataclasses.dataclass(frozen=True)
class Environment:
    """One task of a runtime, with what the runtime says for all of them."""

    name: str
    """<Name>-v<k>, without the runtime."""
    summary: str
    env_id: str | None = None
    """What the task, or Gymnasium, calls it."""
    task: str | None = None
    """module:Class of an `envserver.rewarder.Task`."""
    command: str | list[str] | None = None
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    screen: tuple[int, int] | str | None = None
    fps: float | None = None
    keys: tuple[str, ...] = ()
    """Of the action space; (): all."""
    max_episode_steps: int = 0
    time_limit_s: float | None = None
    reward: str = ""
    """What is rewarded, for people."""


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A kind of remote."""

    name: str
    kind: str
    """"gym-core", "xvnc", or "docker": containers only."""
    summary: str
    environments: Mapping[str, Environment]
    base: Environment
    """What an environment that is not listed gets."""
    takes_any: bool = False
    """Every environment that Gymnasium, or an original image, knows, by its own name."""
    env_prefix: str = ""
    """Goes before such a name."""
    needs: str = ""
    """What it needs that envserver does not give; such a one is only attached to."""
    provider: str = "auto"
    container: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """image, shm_size, memory, cpus, pids, capabilities, ports (envserver/container_options)."""
    start_timeout_s: float | None = None
    vnc_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def find(self, name: str) -> Environment:
        """The environment of a name, with or without the runtime's before it.

        Raises:
            InvalidRuntime: there is none; the message names the nearest.
        """
        own = name.removeprefix(f"{self.name}.")
        environment = self.environments.get(own)
        if environment is not None:
            return environment
        pattern = _ANY_ORIGINAL if self.kind == "docker" else _ANY_NAME
        if self.takes_any and pattern.fullmatch(own):
            return dataclasses.replace(self.base, name=own, env_id=self.env_prefix + own)
        near = difflib.get_close_matches(own, self.environments, n=1, cutoff=0.5)
        hint = f"; did you mean {self.name}.{near[0]}?" if near else ""
        shown = list(self.environments)[:12]
        listed = ", ".join(shown) or "none"
        if len(self.environments) > len(shown):
            listed += f" and {len(self.environments) - len(shown)} more ('envserver runtimes')"
        shape = ", or any <Name>-v<k> of Gymnasium's" if self.takes_any else ""
        raise InvalidRuntime(
            f"{self.name} has no environment {own!r}, it has {listed}{shape}{hint}"
        )


def load_runtimes(path: Path | None = None) -> dict[str, Runtime]:
    """Every runtime by name.

    Args:
        path: the file; None: ENVSERVER_RUNTIMES, or the one that came with envserver.

    Raises:
        InvalidRuntime: the file cannot be read, or an entry is wrong; the message begins with the
            file and the line.
    """
    if path is None:
        path = Path(os.environ.get("ENVSERVER_RUNTIMES") or data_path("runtimes.yml"))
    try:
        about = path.stat()
    except OSError as error:
        raise InvalidRuntime(f"cannot read {path}: {error}") from error
    return dict(_load(path, about.st_mtime_ns, about.st_size, about.st_ino))


@functools.lru_cache(maxsize=4)
def _load(path: Path, *version: int) -> dict[str, Runtime]:
    """The runtimes of one version of a file: reading it takes longer than switching to one."""
    return {name: _runtime(entry) for name, entry in read_entries(path).items()}


def find_runtime(
    name: str, runtimes: Mapping[str, Runtime] | None = None
) -> tuple[Runtime, str | None]:
    """The runtime that a name begins with, and the environment's name behind it, if there is one.

    Raises:
        InvalidRuntime: there is no such runtime.
    """
    known = load_runtimes() if runtimes is None else runtimes
    for runtime in sorted(known.values(), key=lambda each: -len(each.name)):
        if name == runtime.name:
            return runtime, None
        if name.startswith(f"{runtime.name}."):
            return runtime, name.removeprefix(f"{runtime.name}.")
    found = original(name)
    if found is not None:
        raise InvalidRuntime(found.complaint(running_substitute(name, known)))
    asked = name.partition(".")[0]
    near = _by_its_own_name(name, known) or difflib.get_close_matches(asked, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InvalidRuntime(f"unknown runtime {asked!r}, known are {', '.join(known)}{hint}")


def _by_its_own_name(name: str, known: Mapping[str, Runtime]) -> list[str]:
    """The full name of what was asked for without its runtime, or as Gymnasium calls it."""
    full = [f"{runtime.name}.{each}" for runtime in known.values() for each in runtime.environments]
    if "gym-core" in known:
        full += GYM_CORE
    by_own = {each.rpartition(".")[2].lower(): each for each in reversed(full)}
    by_own |= {own.rpartition("-v")[0]: each for own, each in by_own.items()}
    asked = name.rpartition("/")[2].lower()
    found = by_own.get(asked) or by_own.get(re.sub(r"(noframeskip)?-v\d+$", "", asked))
    return [found] if found else []


def find_environment(
    name: str, runtimes: Mapping[str, Runtime] | None = None
) -> tuple[Runtime, Environment]:
    """What "<runtime>.<Name>-v<k>" stands for.

    Raises:
        InvalidRuntime: there is no such runtime or environment.
    """
    runtime, environment_name = find_runtime(name, runtimes)
    if environment_name is None:
        raise InvalidRuntime(f"{name!r} names no environment, expected '{name}.<Name>-v<k>'")
    return runtime, runtime.find(environment_name)


def session_fields(
    name: str,
    env_id: str | None = None,
    runtimes: Mapping[str, Runtime] | None = None,
    *,
    attached: bool = False,
) -> dict[str, Any]:
    """The fields of SessionSpec that a name asks for; `fps` only where the environment has one.

    Args:
        name: "<runtime>" or "<runtime>.<Name>-v<k>".
        env_id: an environment that the name alone does not say.
        runtimes: None: `load_runtimes()`.
        attached: the remotes run already: an original environment needs nothing more.

    Raises:
        InvalidRuntime: there is no such runtime or environment, or it cannot run here.
        ValueError: both the name and `env_id` say an environment, or a needed one is missing.
    """
    known = load_runtimes() if runtimes is None else runtimes
    found = original(name)
    if found is not None and attached and env_id is None:
        return {"env_id": name}
    if found is not None and (found.is_retired or found.family not in known):
        raise InvalidRuntime(found.complaint(running_substitute(name, known)))
    runtime, environment_name = find_runtime(name, known)
    if runtime.needs and not attached:
        image = runtime.container.get("image", "")
        asked = f"{runtime.env_prefix}{environment_name or ''}"
        nearest = running_substitute(asked, known)
        raise InvalidRuntime(
            f"{name!r} is not started by envserver: it needs {runtime.needs}. Start {image} by "
            f"hand and attach to it with remotes='vnc://host:5900+15900'{_nearest(nearest)}"
        )
    if environment_name is not None and env_id is not None:
        raise ValueError(f"env_id is {env_id!r}, expected None beside the name {name!r}")
    environment = runtime.base
    if environment_name is not None:
        environment = runtime.find(environment_name)
    elif env_id is not None:
        listed = runtime.environments.get(env_id.removeprefix(f"{runtime.name}."))
        environment = listed or dataclasses.replace(runtime.base, env_id=env_id)
    if runtime.kind == "gym-core" and not environment.env_id:
        raise ValueError(
            f"{name!r} names no environment: write '{name}.Pong-v0', or give env_id='ALE/Pong-v5'"
        )
    fields: dict[str, Any] = {"runtime": runtime.kind, "runtime_name": runtime.name}
    for key in _SESSION:
        if getattr(environment, key):
            fields[key] = getattr(environment, key)
    env_id = wire_env_id(runtime, environment)
    if env_id is not None:
        fields["env_id"] = env_id
    if environment.fps is not None:
        fields["fps"] = environment.fps
    if environment.time_limit_s is not None:
        fields["time_limit_s"] = environment.time_limit_s
    if runtime.start_timeout_s is not None:
        fields["start_timeout_s"] = runtime.start_timeout_s
    if runtime.provider != "auto":
        fields["provider"] = runtime.provider
    for key in ("container", "vnc_kwargs"):
        if getattr(runtime, key):
            fields[key] = dict(getattr(runtime, key))
    return fields


def keep_time_limit(
    fields: dict[str, Any], fps: float | None, max_episode_steps: int | None = None
) -> None:
    """Turn `time_limit_s` into what keeps it, and let the trainer's own limit replace it.

    A task's rewarder counts seconds, so there it stays; without a task, steps of the session's fps
    are counted.

    Args:
        fields: of `session_fields`, changed in place.
        fps: of the session; None: as fast as it goes.
        max_episode_steps: the trainer's own limit, 0 for none; None: it gave none.

    Raises:
        ValueError: neither can keep it.
    """
    if not fields.get("task") and "time_limit_s" in fields:
        limit_s = fields.pop("time_limit_s")
        if fps is not None:
            steps = max(1, round(limit_s * fps))
            fields["max_episode_steps"] = min(fields.get("max_episode_steps") or steps, steps)
        elif max_episode_steps is None:
            raise ValueError(
                f"fps is None, but the environment has a time limit of {limit_s:g} s, which needs "
                "a number: give fps, or max_episode_steps (-1: no limit)"
            )
    if max_episode_steps is not None:
        fields["max_episode_steps"] = max_episode_steps


def wire_env_id(runtime: Runtime, environment: Environment) -> str | None:
    """What the remote is told to run: a task's full name, or Gymnasium's or an original id."""
    if environment.task and environment.name:
        return f"{runtime.name}.{environment.name}"
    return environment.env_id


def _nearest(name: str | None) -> str:
    return f"; the nearest environment that runs here is {name!r}" if name else ""


def _runtime(entry: Entry) -> Runtime:
    values = entry.values
    takes_any = values.get("environments") == ANY
    fields: dict[str, Any] = {
        key: values[key]
        for key in ("needs", "provider", "start_timeout_s", "vnc_kwargs")
        if key in values
    }
    prefix = f"{entry.name}." if values["kind"] == "gym-core" else ""
    return Runtime(
        name=entry.name,
        kind=values["kind"],
        summary=values.get("summary", ""),
        environments={
            name: _environment(each, values) for name, each in entry.environments.items()
        },
        base=_environment(Entry("", entry.place, {"summary": ""}), values),
        takes_any=takes_any,
        env_prefix=values.get("env_prefix", prefix),
        container={key: values[key] for key in _CONTAINER if key in values},
        **fields,
    )


def _environment(entry: Entry, runtime: Mapping[str, Any]) -> Environment:
    """The environment's own values over the runtime's."""
    names = [field.name for field in dataclasses.fields(Environment) if field.name != "name"]
    values = {name: runtime[name] for name in names if name in runtime}
    return Environment(entry.name, **{**values, "summary": "", **entry.values})

"""Reads runtimes.yml: which runtimes there are, what a name like "gym-core.Pong-v0" asks for."""

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from envserver.errors import InvalidRuntime
from envserver.installation import data_path

KINDS = ("gym-core", "xvnc")
ANY = "any"
FIELDS = ("env_id", "command", "env_kwargs", "screen", "max_episode_steps")
"""What an entry may say about a session; each is a field of SessionSpec."""

_RUNTIME = re.compile(r"[a-z][a-z0-9-]*")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9_-]+-v\d+")


@dataclasses.dataclass(frozen=True)
class Environment:
    """One task of a runtime; `fields` are of SessionSpec."""

    name: str
    summary: str
    fields: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A kind of remote."""

    name: str
    kind: str
    summary: str
    fields: Mapping[str, Any]
    environments: Mapping[str, Environment]
    takes_any: bool
    """Every environment that Gymnasium knows, by its own name."""


def load_runtimes(path: Path | None = None) -> dict[str, Runtime]:
    """Every runtime by name.

    Args:
        path: the file; None: ENVSERVER_RUNTIMES, or the one that came with envserver.

    Raises:
        InvalidRuntime: the file cannot be read, or an entry is wrong; the message names it.
    """
    if path is None:
        path = Path(os.environ.get("ENVSERVER_RUNTIMES") or data_path("runtimes.yml"))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRuntime(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise InvalidRuntime(f"{path} is no YAML: {error}") from error
    entries = _mapping(content, f"{path}")
    return {name: _runtime(name, entry, f"{path}: {name}") for name, entry in entries.items()}


def session_fields(
    name: str, env_id: str | None = None, runtimes: Mapping[str, Runtime] | None = None
) -> dict[str, Any]:
    """The fields of SessionSpec that a name asks for.

    Args:
        name: "<runtime>" or "<runtime>.<Name>-v<k>".
        env_id: an environment that the name alone does not say.
        runtimes: None: `load_runtimes()`.

    Raises:
        InvalidRuntime: there is no such runtime or environment.
        ValueError: both the name and `env_id` say an environment, or a needed one is missing.
    """
    known = load_runtimes() if runtimes is None else runtimes
    runtime_name, dot, environment_name = name.partition(".")
    runtime = known.get(runtime_name)
    if runtime is None:
        raise InvalidRuntime(f"unknown runtime {runtime_name!r}, known are {', '.join(known)}")
    fields: dict[str, Any] = {"runtime": runtime.kind, **runtime.fields}
    if dot:
        if env_id is not None:
            raise ValueError(f"env_id is {env_id!r}, expected None beside the name {name!r}")
        environment = runtime.environments.get(environment_name)
        if environment is not None:
            fields.update(environment.fields)
        elif runtime.takes_any and _ENVIRONMENT.fullmatch(environment_name):
            fields["env_id"] = f"{runtime.kind}.{environment_name}"
        else:
            listed = ", ".join(runtime.environments) or "none"
            shape = ", or any <Name>-v<k> of Gymnasium's" if runtime.takes_any else ""
            raise InvalidRuntime(
                f"{runtime.name} has no environment {environment_name!r}, it has {listed}{shape}"
            )
    elif env_id is not None:
        fields["env_id"] = env_id
    if runtime.kind == "gym-core" and not fields.get("env_id"):
        raise ValueError(
            f"{name!r} names no environment: write '{name}.Pong-v0', or give env_id='ALE/Pong-v5'"
        )
    return fields


def _runtime(name: Any, entry: Any, where: str) -> Runtime:
    if not isinstance(name, str) or not _RUNTIME.fullmatch(name):
        raise InvalidRuntime(f"{where}: expected a name of small letters, digits and dashes")
    entry = _mapping(entry, where)
    kind = entry.get("kind")
    if kind not in KINDS:
        raise InvalidRuntime(f"{where}: kind is {kind!r}, allowed are {', '.join(KINDS)}")
    listed = entry.get("environments", {})
    takes_any = listed == ANY
    environments = {} if takes_any else _mapping(listed, f"{where}: environments")
    return Runtime(
        name,
        kind,
        str(entry.get("summary", "")),
        _fields(entry, where, ("kind", "summary", "environments")),
        {
            each: _environment(each, fields, f"{where}: environments: {each}")
            for each, fields in environments.items()
        },
        takes_any,
    )


def _environment(name: Any, entry: Any, where: str) -> Environment:
    if not isinstance(name, str) or not _ENVIRONMENT.fullmatch(name):
        raise InvalidRuntime(f"{where}: expected a name such as 'Pong-v0'")
    entry = _mapping(entry, where)
    return Environment(name, str(entry.get("summary", "")), _fields(entry, where, ("summary",)))


def _fields(entry: Mapping[Any, Any], where: str, others: tuple[str, ...]) -> dict[str, Any]:
    for key in entry:
        if key not in FIELDS and key not in others:
            allowed = ", ".join((*others, *FIELDS))
            raise InvalidRuntime(f"{where}: unknown key {key!r}, allowed are {allowed}")
    return {key: value for key, value in entry.items() if key in FIELDS}


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRuntime(f"{where}: is a {type(value).__name__}, expected a map")
    return value

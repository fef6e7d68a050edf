"""The arguments of `reset`, checked, as one request for each environment that begins anew."""

import json
import operator
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OURS = ("reset_mask", "per_env")
"""Options that are for us, not for the environments."""
MOST_OPTIONS_BYTES = 1_000_000
"""Of one environment, as JSON: a rewarder takes messages of 1 MiB."""


def reset_requests(
    num_envs: int,
    seed: int | Sequence[int | None] | None,
    options: Mapping[str, Any] | None,
) -> dict[int, dict[str, Any]]:
    """What each environment that is reset is to be told.

    Returns:
        Environment -> {"seed": ..., "options": {...}}; without what was not given.

    Raises:
        ValueError, TypeError: an argument is wrong, as Gymnasium's vector environments have it.
    """
    seeds = _seeds(num_envs, seed)
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"options is {type(options).__name__}, expected a dict")
    given = dict(options or {})
    mask = _mask(num_envs, given.get("reset_mask"))
    per_env = _per_env(num_envs, given.get("per_env"))
    shared = {key: plain(value, key) for key, value in given.items() if key not in OURS}
    requests: dict[int, dict[str, Any]] = {}
    for env in np.flatnonzero(mask).tolist():
        own = {key: plain(value, key) for key, value in per_env[env].items()}
        request: dict[str, Any] = {}
        if seeds[env] is not None:
            request["seed"] = seeds[env]
        if shared or own:
            request["options"] = {**shared, **own}
            _check_sendable(env, request["options"])
        requests[env] = request
    return requests


class RunningNames:
    """What runs in the environments that were ever switched. Every reset names it again.

    However far a remote came with a switch that failed, the next reset then begins what ran before.
    """

    def __init__(self) -> None:
        self._names: dict[int, str | None] = {}

    def fill(self, requests: Mapping[int, dict[str, Any]], session: Any) -> None:
        """Add its name to each request that does not switch its environment.

        Args:
            session: whose `spec` says what ran at first; asked only where something switches.
        """
        for env, request in requests.items():
            if "env_id" in request:
                self._names.setdefault(env, session.spec.env_id)
            elif self._names.get(env) is not None:
                request["env_id"] = self._names[env]

    def keep(self, requests: Mapping[int, Mapping[str, Any]], failed: Container[int]) -> None:
        """Note what runs after a reset, but where it failed."""
        for env, request in requests.items():
            if "env_id" in request and env not in failed:
                self._names[env] = request["env_id"]


def listed(envs: Sequence[int]) -> str:
    """Name environments in a message, the first few of many."""
    shown = ", ".join(str(env) for env in envs[:8])
    more = f" and {len(envs) - 8} more" if len(envs) > 8 else ""
    return f"environment{'s' if len(envs) != 1 else ''} {shown}{more}"


def chosen_envs(num_envs: int, envs: Sequence[int]) -> list[int]:
    """The environments that a call names.

    Raises:
        ValueError: they are no whole numbers of environments, none, or one is there twice.
    """
    chosen = []
    for env in envs:
        try:
            number = -1 if isinstance(env, bool | np.bool_) else operator.index(env)
        except TypeError:
            number = -1
        if not 0 <= number < num_envs:
            raise ValueError(f"envs has {env!r}, expected 0 to {num_envs - 1}")
        chosen.append(number)
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"envs is {list(envs)}, expected at least one, none twice")
    return chosen


def plain(value: Any, name: str) -> Any:
    """An option in the types that travel: NumPy's become Python's.

    Raises:
        ValueError: it, or something in it, cannot be sent.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | float | str | bytes):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"option {name!r} holds {value}, expected an integer of 64 bits")
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [plain(item, name) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(item, name) for key, item in value.items()}
    raise ValueError(
        f"option {name!r} holds a {type(value).__name__}, expected numbers, strings, lists or dicts"
    )


def _check_sendable(env: int, options: dict[str, Any]) -> None:
    try:
        length = len(json.dumps(options, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"environment {env}: options cannot be sent: {error}") from error
    if length > MOST_OPTIONS_BYTES:
        raise ValueError(
            f"environment {env}: options are too large: {length} bytes of JSON, at most "
            f"{MOST_OPTIONS_BYTES}; give the name of a file that the remote can read"
        )


def _seeds(num_envs: int, seed: int | Sequence[int | None] | None) -> list[int | None]:
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        seeds: list[int | None] = [int(seed) + env for env in range(num_envs)]
    elif isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str | bytes):
        seeds = [None if each is None else _whole(each) for each in seed]
    else:
        raise ValueError(f"seed is {seed!r}, expected an integer, a list of them, or None")
    if len(seeds) != num_envs:
        raise ValueError(f"seed is a list of {len(seeds)}, expected {num_envs}, one an environment")
    for env, each in enumerate(seeds):
        if each is not None and not 0 <= each < 2**63:
            raise ValueError(f"environment {env}: seed is {each}, expected 0 to 2**63 - 1")
    return seeds


def _whole(seed: Any) -> int:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        raise ValueError(f"seed holds {seed!r}, expected integers or None")
    return int(seed)


def _mask(num_envs: int, mask: Any) -> NDArray[np.bool_]:
    if mask is None:
        return np.ones(num_envs, dtype=np.bool_)
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] is a {type(mask).__name__}, expected a NumPy array")
    if mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] has type {mask.dtype}, expected bool")
    if mask.shape != (num_envs,):
        raise ValueError(f"options['reset_mask'] has shape {mask.shape}, expected ({num_envs},)")
    if not mask.any():
        raise ValueError("options['reset_mask'] is False everywhere, expected at least one True")
    return mask


def _per_env(num_envs: int, per_env: Any) -> list[Mapping[str, Any]]:
    if per_env is None:
        return [{}] * num_envs
    if not isinstance(per_env, list | tuple) or len(per_env) != num_envs:
        found = f"{len(per_env)} items" if isinstance(per_env, list | tuple) else repr(per_env)
        raise ValueError(f"options['per_env'] is {found}, expected a list of {num_envs} dicts")
    for env, own in enumerate(per_env):
        if own is not None and not isinstance(own, Mapping):
            raise ValueError(
                f"environment {env}: options['per_env'] has {own!r}, expected a dict or None"
            )
    return [own or {} for own in per_env]

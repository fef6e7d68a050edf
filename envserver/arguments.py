"""Checks of what `make_vec` is given, made before anything starts."""

import difflib
import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

from envserver.resets import plain

MAX_TAP_MS = 60_000

P = ParamSpec("P")
T = TypeVar("T")


def check_options(call: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that a call does not have.

    Raises:
        TypeError: there is one, as Python says it, with the nearest that there is.
    """
    names = list(known)
    for option in options:
        if option not in names:
            near = difflib.get_close_matches(option, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{call}() has no option {option!r}{hint}")


def known_options(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function: a misspelt keyword argument is told the right one."""
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        check_options(function.__name__, kwargs, names)
        return function(*args, **kwargs)

    return call


def whole(name: str, value: Any, low: int, high: int, expected: str) -> int:
    """A whole number, Python's or NumPy's.

    Raises:
        ValueError: it is none, or out of range; `expected` says what would be right.
    """
    try:
        number = low - 1 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = low - 1
    if not low <= number <= high:
        raise ValueError(f"{name} is {value!r}, expected {expected}")
    return number


def check_num_envs(num_envs: Any) -> int | None:
    """How many environments; None where the remotes say so.

    Raises:
        ValueError: it is no number of environments.
    """
    if num_envs is None:
        return None
    return whole("num_envs", num_envs, 1, 1 << 62, "a whole number, at least 1, or None")


def check_max_episode_steps(steps: Any) -> int | None:
    """The limit, 0 for "never"; None where nothing was said.

    Raises:
        ValueError: it is no limit.
    """
    if steps is None:
        return None
    expected = "None, or a whole number from 1; None and -1 mean never"
    number = whole("max_episode_steps", steps, -1, 1 << 62, expected)
    if number == 0:
        raise ValueError(f"max_episode_steps is 0, expected {expected}")
    return max(number, 0)


def check_times(tap_ms: Any, late_after_ms: Any) -> None:
    """Check what the environment itself takes, before its session is opened.

    Raises:
        ValueError: one is no time.
    """
    whole("tap_ms", tap_ms, 0, MAX_TAP_MS, f"whole milliseconds from 0 to {MAX_TAP_MS}")
    if late_after_ms is None:
        return
    if (
        isinstance(late_after_ms, bool)
        or not isinstance(late_after_ms, int | float | np.number)
        or not 0 <= late_after_ms < math.inf
    ):
        raise ValueError(f"late_after_ms is {late_after_ms!r}, expected milliseconds, 0 or more")


def joined_remotes(remotes: Any) -> Any:
    """`remotes`, where a list of addresses is one address with commas.

    Raises:
        ValueError: it is a list of something else, which is not shown: it may be a password.
    """
    if not isinstance(remotes, list | tuple):
        return remotes
    for each in remotes:
        if not isinstance(each, str):
            raise ValueError(f"remotes has a {type(each).__name__}, expected addresses as strings")
    if not remotes:
        raise ValueError("remotes is an empty list, expected addresses")
    return ",".join(remotes)


def plain_kwargs(name: str, given: Any) -> dict[str, Any]:
    """Keyword arguments in the types that travel.

    Raises:
        ValueError: they are no dict, or hold something that cannot be sent.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} is {given!r}, expected a mapping")
    for key in given:
        if not isinstance(key, str):
            raise ValueError(f"{name} has {key!r}, expected names of arguments")
    try:
        return {key: plain(value, key) for key, value in given.items()}
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error

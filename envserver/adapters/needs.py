"""What an adapter needs before it begins: its framework, a mode of the session, slots, a space."""

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from envserver.vector_env import VectorEnv


@contextlib.contextmanager
def importing(package: str, extra: str, oldest: tuple[int, int]) -> Iterator[None]:
    """Import a framework inside: it is there, and new enough.

    Args:
        package: Its name in the package registry.
        extra: Ours that asks for it: `envserver[extra]`.
        oldest: The first version that will do, (major, minor).

    Raises:
        ImportError: it is not installed, or too old; the message says what to install.
    """
    mend = f"pip install 'envserver[{extra}]'"
    try:
        has = version(package)
    except PackageNotFoundError:
        raise ImportError(f"{package} is not installed: {mend}", name=package) from None
    if release(has) < oldest:
        wanted = ".".join(map(str, oldest))
        raise ImportError(f"{package} is {has}, expected {wanted} or later: {mend}", name=package)
    yield


def release(text: str) -> tuple[int, int]:
    """Major and minor of a version such as "2.9.2" or "3.0rc1"."""
    numbers = re.findall(r"\d+", text)[:2]
    major, minor = (*map(int, numbers), 0, 0)[:2]
    return major, minor


def check_mode(envs: VectorEnv, wanted: AutoresetMode, who: str) -> None:
    """Make sure that episodes begin anew as `who` expects it.

    Raises:
        TypeError: it is another environment, or wrapped.
        ValueError: they do not, or batches come while environments reset.
    """
    if not isinstance(envs, VectorEnv):
        raise TypeError(
            f"{who} is given a {type(envs).__name__}, expected what envserver.make_vec made; "
            "wrappers go around the adapter"
        )
    if envs.autoreset_mode is not wanted:
        raise ValueError(
            f"autoreset_mode is {envs.autoreset_mode.name}, {who} expects {wanted.name}: "
            f"make_vec(..., autoreset_mode={wanted.name.lower()!r})"
        )
    if envs.while_resetting == "mask":
        raise ValueError(
            f"while_resetting is 'mask', {who} knows no environments between episodes: "
            "make_vec(..., while_resetting='wait')"
        )


def check_slots(envs: VectorEnv, wanted: int, who: str) -> None:
    """Make sure that pictures live as long as `who` looks at them.

    Args:
        envs: Whose ring.
        wanted: How many steps' observations `who` holds at a time.
        who: For the message.

    Raises:
        ValueError: the ring has fewer slots.
    """
    slots = envs.slots
    if slots < wanted:
        raise ValueError(
            f"the session has {slots} slots, {who} holds {wanted} steps' observations "
            f"at a time: make_vec(..., slots={wanted})"
        )


def check_actions(
    envs: VectorEnv, known: Sequence[type[gymnasium.Space[Any]]], who: str
) -> gymnasium.Space[Any]:
    """The action space of one environment, if `who` knows its kind.

    Raises:
        ValueError: it does not.
    """
    space: gymnasium.Space[Any] = envs.single_action_space
    if not isinstance(space, tuple(known)):
        names = ", ".join(kind.__name__ for kind in known)
        raise ValueError(
            f"the action space is {space}, {who} knows {names}: make_vec(..., actions=...) takes a "
            "space for policies of envserver.codecs.policies, such as Combinations or HeldKeys"
        )
    return space


def show_torch_a_read_only_array() -> None:
    """torch, where it is loaded, warns of the first alone: of this one, which nobody sees."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    picture = np.zeros(1, np.uint8)
    picture.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.as_tensor(picture)

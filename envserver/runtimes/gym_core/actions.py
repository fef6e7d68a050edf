"""Which keys mean which action: the table, and the action that held keys mean.

ALE                 the arrows, and space for FIRE; NOOP is nothing held
other Discrete(n)   one key an action: 0..9, a..z, A..Z; nothing held is action 0
MultiBinary(n)      one key a bit: 0..9, a..z, A..Z; the held ones are 1
MultiDiscrete       its combinations, numbered with the last one running fastest, one key each
"""

import dataclasses
import itertools
import string
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from envserver.runtimes.gym_core.errors import UnsupportedActionSpace

KEYSYMS = {"Left": 0xFF51, "Up": 0xFF52, "Right": 0xFF53, "Down": 0xFF54, "space": 0x20}
"""Keys that have names; every other key is the character itself."""
SINGLE_KEYS = string.digits + string.ascii_lowercase + string.ascii_uppercase
MAX_BITS = 5
"""Of MultiBinary: 2**5 actions."""

_ALE_KEYS = {"UP": "Up", "DOWN": "Down", "LEFT": "Left", "RIGHT": "Right", "FIRE": "space"}


@dataclasses.dataclass(frozen=True)
class Action:
    """One action: what the environment gets, what it is called, and the keys that mean it."""

    value: Any
    meaning: str
    keys: tuple[str, ...]

    @property
    def keysyms(self) -> tuple[int, ...]:
        return tuple(keysym(key) for key in self.keys)


def keysym(key: str) -> int:
    return KEYSYMS[key] if key in KEYSYMS else ord(key)


def action_table(env: gymnasium.Env[Any, Any]) -> list[Action]:
    """The numbered actions of an environment.

    Raises:
        UnsupportedActionSpace: it is continuous or too large to be played by keys.
    """
    space = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        meanings = _ale_meanings(env, int(space.n))
        if meanings is not None:
            return [Action(i, name, _ale_keys(name)) for i, name in enumerate(meanings)]
        first = int(space.start)
        return _one_key_each([first + i for i in range(_bounded(int(space.n), space))])
    if isinstance(space, gymnasium.spaces.MultiDiscrete) and len(space.nvec.shape) == 1:
        # A product of Python's integers: NumPy's would wrap.
        _bounded(_product(space.nvec), space)
        starts = np.asarray(space.start)
        rows = itertools.product(*(range(int(n)) for n in space.nvec))
        return _one_key_each([np.asarray(row, space.dtype) + starts for row in rows])
    if isinstance(space, gymnasium.spaces.MultiBinary) and len(space.shape) == 1:
        return _one_key_a_bit(space)
    raise _unsupported(space)


class HeldKeys:
    """The keys that are down, and the action that they mean.

    Where they mean no action exactly, the action with the most of them wins, then the one pressed
    last. A key that nobody's action needs is ignored.
    """

    def __init__(self, table: Sequence[Action]) -> None:
        self._sets = [frozenset(action.keysyms) for action in table]
        self._known: frozenset[int] = frozenset().union(*self._sets)
        self._exact: dict[frozenset[int], int] = {}
        for index, keys in enumerate(self._sets):
            self._exact.setdefault(keys, index)
        self._down: dict[int, int] = {}
        self._tapped: dict[int, None] = {}

    def press(self, key: int) -> None:
        """Count one more viewer that holds the key."""
        if key in self._known:
            self._down[key] = self._down.pop(key, 0) + 1
            self._tapped[key] = None

    def release(self, key: int) -> None:
        """Count one viewer less."""
        count = self._down.get(key, 0)
        if count > 1:
            self._down[key] = count - 1
        elif count:
            del self._down[key]

    def action(self, *, with_taps: bool) -> int:
        """The action of the keys held; `with_taps` also of those pressed since the last call."""
        held = list(self._down)
        if with_taps:
            held = [key for key in self._tapped if key not in self._down] + held
        self._tapped.clear()
        exact = self._exact.get(frozenset(held))
        if exact is not None:
            return exact
        order = {key: place for place, key in enumerate(held, 1)}
        best, best_rank = 0, (0, 0)
        for index, keys in enumerate(self._sets):
            if keys and keys <= order.keys():
                rank = (len(keys), max(order[key] for key in keys))
                if rank > best_rank:
                    best, best_rank = index, rank
        return best


def _ale_meanings(env: gymnasium.Env[Any, Any], count: int) -> list[str] | None:
    ask = getattr(env.unwrapped, "get_action_meanings", None)
    meanings = list(ask()) if callable(ask) else None
    if meanings is None or len(meanings) != count:
        return None
    known = all(name == "NOOP" or _ale_keys(name) for name in meanings)
    return meanings if known else None


def _ale_keys(meaning: str) -> tuple[str, ...]:
    """UPRIGHTFIRE is Up, Right and space; empty for NOOP and for a name of another game."""
    keys, rest = [], meaning
    while rest:
        word = next((word for word in _ALE_KEYS if rest.startswith(word)), None)
        if word is None:
            return ()
        keys.append(_ALE_KEYS[word])
        rest = rest[len(word) :]
    return tuple(keys)


def _one_key_a_bit(space: gymnasium.spaces.MultiBinary) -> list[Action]:
    (bits,) = space.shape
    if bits > MAX_BITS:
        raise _unsupported(space)
    return [
        Action(
            np.asarray(row, space.dtype),
            "".join(map(str, row)),
            tuple(SINGLE_KEYS[i] for i, bit in enumerate(row) if bit),
        )
        for row in itertools.product((0, 1), repeat=bits)
    ]


def _one_key_each(values: Sequence[Any]) -> list[Action]:
    return [
        Action(value, str(value), (key,)) for value, key in zip(values, SINGLE_KEYS, strict=False)
    ]


def _product(counts: Any) -> int:
    product = 1
    for count in counts:
        product *= int(count)
    return product


def _bounded(count: int, space: gymnasium.Space[Any]) -> int:
    if count > len(SINGLE_KEYS):
        raise _unsupported(space)
    return count


def _unsupported(space: gymnasium.Space[Any]) -> UnsupportedActionSpace:
    return UnsupportedActionSpace(
        f"action space {space} cannot be played by keys; supported are Discrete and MultiDiscrete "
        f"of at most {len(SINGLE_KEYS)} actions and MultiBinary of at most {MAX_BITS} bits"
    )

"""What may be sent to a desktop and what comes back, as spaces."""

import string
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium

from envserver.universe.spaces.vnc_event import KEYMAP, KeyEvent, PointerEvent, keycode

SCREEN_SHAPE = (1024, 768)
TYPEABLE = string.printable[:95] + "\n\t"


class PeekReward:
    """In place of an event or an action: nothing is sent. Rewards come in their step anyway."""

    def __repr__(self) -> str:
        return "PeekReward"


class VNCActionSpace(gymnasium.Space[Any]):
    """Lists of events for one desktop.

    Args:
        keys: Names of the keys; None: every one that types a character, and all of `KEYMAP`.
        buttonmasks: Masks of pointer buttons; None: 0 to 255.
        screen_shape: Width and height in pixels; None: no pointer.
        seed: Of the random generator.
    """

    def __init__(
        self,
        keys: Iterable[str] | None = None,
        buttonmasks: Iterable[int] | None = None,
        screen_shape: tuple[int, int] | None = SCREEN_SHAPE,
        seed: int | None = None,
    ) -> None:
        names = [*TYPEABLE, *KEYMAP] if keys is None else list(keys)
        numbers = list(dict.fromkeys(keycode(name) for name in names))
        self.keys = [KeyEvent(number, down) for number in numbers for down in (True, False)]
        self.buttonmasks = list(range(256) if buttonmasks is None else buttonmasks)
        self.screen_shape = screen_shape
        self._keys = frozenset(self.keys)
        self._masks = frozenset(self.buttonmasks)
        super().__init__(None, None, seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def contains(self, x: Any) -> bool:
        """Whether `x` is a list (or a tuple) of events that are all allowed."""
        from envserver.universe.compiling import compile_action
        from envserver.universe.error import Error

        if not isinstance(x, list | tuple):
            return False
        try:
            events = compile_action(x)
        except Error:
            return False
        return all(self._allows(event) for event in events)

    def _allows(self, event: tuple[Any, ...]) -> bool:
        if event[0] == "KeyEvent":
            return KeyEvent(event[1], event[2]) in self._keys
        if event[0] != "PointerEvent" or self.screen_shape is None:
            return False
        width, height = self.screen_shape
        return 0 <= event[1] < width and 0 <= event[2] < height and event[3] in self._masks

    def sample(self, mask: Any = None, probability: Any = None) -> list[KeyEvent | PointerEvent]:
        """One event: a pointer's as often as a key's.

        Raises:
            ValueError: a mask or probability was given: events have none.
        """
        if mask is not None or probability is not None:
            raise ValueError("VNCActionSpace.sample takes neither mask nor probability")
        random = self.np_random
        pointer = self.screen_shape is not None and bool(self.buttonmasks)
        if not self.keys and not pointer:
            return []
        if self.keys and (not pointer or random.integers(2)):
            return [self.keys[int(random.integers(len(self.keys)))]]
        assert self.screen_shape is not None
        width, height = self.screen_shape
        buttons = self.buttonmasks[int(random.integers(len(self.buttonmasks)))]
        return [PointerEvent(int(random.integers(width)), int(random.integers(height)), buttons)]

    def __repr__(self) -> str:
        return f"VNCActionSpace({len(self.keys)} key events, {self.screen_shape})"


class VNCObservationSpace(gymnasium.Space[Any]):
    """None, or {"vision": uint8 (height, width, 3), "text": [...]}; `contains` asks no more."""

    def __init__(self) -> None:
        super().__init__(None, None, None)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def contains(self, x: Any) -> bool:
        return True

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """None, which every observation may be."""
        return None


class Hardcoded(gymnasium.Space[Any]):
    """A few actions, each a list of events, in order: `space[i]`.

    Args:
        actions: The actions.
        seed: Of the random generator.
    """

    def __init__(self, actions: Sequence[Any], seed: int | None = None) -> None:
        self.actions = list(actions)
        super().__init__(None, None, seed)

    @property
    def n(self) -> int:
        return len(self.actions)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def contains(self, x: Any) -> bool:
        return any(x is action or x == action for action in self.actions)

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """One of the actions."""
        return self.actions[int(self.np_random.integers(len(self.actions)))]

    def __getitem__(self, index: int) -> Any:
        return self.actions[index]

    def __len__(self) -> int:
        return len(self.actions)

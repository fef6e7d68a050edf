"""Gymnasium spaces for policies: what an element holds down, and where it moves the pointer.

    Combinations    Discrete: one of some named combinations of keys is held
    HeldKeys        MultiBinary: each key is held or not
    KeysAndPointer  Dict: keys and buttons that are held, the pointer's place
    KeysAndMotion   Dict: keys and buttons that are held, how far the pointer moves, in bins

What an element holds stays down until another does not; only differences are sent. `from_events`
is the element that does what events do, for policies that learn from people.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envserver.codecs.events import MAX_MOTION_PX, Button, Event, Key, Motion, Pointer
from envserver.codecs.fields import Size, checked_point, is_pair, whole
from envserver.codecs.hand import MASKS, Hand
from envserver.codecs.keys import combination, distinct, own_name

Action = TypeVar("Action")


@dataclasses.dataclass(frozen=True)
class Combinations:
    """One of several combinations of keys is held: `Discrete(len(names))`.

    Args:
        keys: The combination of each action: "Left", "Left+space", or "" for none; by name, or in
            their order.

    Raises:
        ValueError: there is none, or one is no combination.
    """

    keys: Mapping[str, str] | Sequence[str]

    def __post_init__(self) -> None:
        given = list(self.keys.values()) if isinstance(self.keys, Mapping) else self.keys
        _check_names("combinations such as 'Left+space'", given)
        self.table  # noqa: B018  (raises where one is no combination)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.keys)

    @functools.cached_property
    def table(self) -> list[tuple[str, ...]]:
        """The own names of the keys of each action."""
        texts = self.keys.values() if isinstance(self.keys, Mapping) else self.keys
        return [combination(text) if text else () for text in texts]

    def space(self, size: Size) -> gymnasium.spaces.Discrete:
        return gymnasium.spaces.Discrete(len(self.keys))

    def to_events(self, action: Any, hand: Hand, size: Size) -> list[Event]:
        number = whole("action", action)
        if not 0 <= number < len(self.keys):
            raise ValueError(f"action is {number}, expected 0 to {len(self.keys) - 1}")
        every = list(dict.fromkeys(key for keys in self.table for key in keys))
        return _held(hand, every, self.table[number])

    def from_events(self, events: Iterable[Event], hand: Hand, size: Size) -> int:
        """The action that holds what is held after these events.

        Raises:
            ValueError: none does, or the events do more.
        """
        wanted = _after(events, hand, [key for keys in self.table for key in keys])
        for number, keys in enumerate(self.table):
            if set(keys) == wanted:
                return _checked(number, events, self.to_events(number, hand, size))
        raise ValueError(f"no action holds {'+'.join(sorted(wanted)) or 'nothing'}")


@dataclasses.dataclass(frozen=True)
class HeldKeys:
    """Each key is held or not: `MultiBinary(len(keys))`.

    Raises:
        ValueError: there are no keys, or one is no key, or there twice.
    """

    keys: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _own_names(self.keys))

    def space(self, size: Size) -> gymnasium.spaces.MultiBinary:
        return gymnasium.spaces.MultiBinary(len(self.keys))

    def to_events(self, action: Any, hand: Hand, size: Size) -> list[Event]:
        return _held(hand, self.keys, _chosen("action", action, self.keys))

    def from_events(self, events: Iterable[Event], hand: Hand, size: Size) -> NDArray[np.int8]:
        """The action that holds what is held after these events.

        Raises:
            ValueError: the events do more.
        """
        wanted = _after(events, hand, self.keys)
        action = np.array([key in wanted for key in self.keys], np.int8)
        return _checked(action, events, self.to_events(action, hand, size))


@dataclasses.dataclass(frozen=True)
class KeysAndPointer:
    """`Dict(keys=MultiBinary, buttons=MultiBinary, pointer=MultiDiscrete([width, height]))`.

    The pointer goes to its place before buttons change. Places are pixels of the observation.

    Args:
        keys: That may be held.
        buttons: That may be held: 1 left, 2 middle, 3 right.
    """

    keys: Sequence[str]
    buttons: Sequence[int] = (1, 3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _own_names(self.keys))
        _check_buttons(self.buttons)

    def space(self, size: Size) -> gymnasium.spaces.Dict:
        places = gymnasium.spaces.MultiDiscrete(list(size))
        return gymnasium.spaces.Dict({**_switches(self), "pointer": places})

    def to_events(self, action: Any, hand: Hand, size: Size) -> list[Event]:
        fields = _fields(action, ("keys", "buttons", "pointer"))
        x, y = _pair("pointer", fields["pointer"])
        at = checked_point(x, y, size, "pointer")
        moved: list[Event] = [] if hand.seen(size) == at else [Pointer(*at)]
        return _switched(self, fields, hand, moved)

    def from_events(self, events: Iterable[Event], hand: Hand, size: Size) -> dict[str, Any]:
        """The action that does what these events do.

        Raises:
            ValueError: they do more than one action can.
        """
        events = list(events)
        places = [(event.x, event.y) for event in events if isinstance(event, Pointer)]
        at = np.array(places[-1] if places else hand.seen(size), np.int64)
        action = {**_state(self, events, hand), "pointer": at}
        return _checked(action, events, self.to_events(action, hand, size))


@dataclasses.dataclass(frozen=True)
class KeysAndMotion:
    """`Dict(keys=MultiBinary, buttons=MultiBinary, motion=MultiDiscrete([bins, bins]))`.

    The middle bin moves nothing; those beside it grow by equal factors from 1 pixel of the
    observation to `largest_px`, to the left and up below the middle, to the right and down above.

    Args:
        keys: That may be held.
        buttons: That may be held: 1 left, 2 middle, 3 right.
        bins: How many, an odd number from 3.
        largest_px: How far the outermost moves.
    """

    keys: Sequence[str]
    buttons: Sequence[int] = (1, 3)
    bins: int = 11
    largest_px: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _own_names(self.keys))
        _check_buttons(self.buttons)
        bins, largest_px = whole("bins", self.bins), whole("largest_px", self.largest_px)
        if bins < 3 or bins % 2 == 0 or not bins // 2 <= largest_px <= MAX_MOTION_PX:
            raise ValueError(
                f"{bins} bins up to {largest_px} px, expected an odd number from 3, and "
                f"as many pixels at least as bins on a side, up to {MAX_MOTION_PX}"
            )

    @functools.cached_property
    def distances_px(self) -> tuple[int, ...]:
        """How far each bin moves; all are different."""
        side = self.bins // 2
        steps = [round(step) for step in np.geomspace(1, self.largest_px, side)]
        for place in range(1, side):
            steps[place] = max(steps[place], steps[place - 1] + 1)
        return (*(-step for step in steps[::-1]), 0, *steps)

    def space(self, size: Size) -> gymnasium.spaces.Dict:
        bins = gymnasium.spaces.MultiDiscrete([self.bins, self.bins])
        return gymnasium.spaces.Dict({**_switches(self), "motion": bins})

    def to_events(self, action: Any, hand: Hand, size: Size) -> list[Event]:
        fields = _fields(action, ("keys", "buttons", "motion"))
        chosen = _pair("motion", fields["motion"])
        if not all(0 <= number < self.bins for number in chosen):
            raise ValueError(f"motion is {list(chosen)}, expected bins from 0 to {self.bins - 1}")
        dx, dy = (self.distances_px[number] for number in chosen)
        return _switched(self, fields, hand, [Motion(dx, dy)] if dx or dy else [])

    def from_events(self, events: Iterable[Event], hand: Hand, size: Size) -> dict[str, Any]:
        """The action that does what these events do; distances become those of the nearest bins.

        Raises:
            ValueError: they do more than one action can.
        """
        events = list(events)
        motions = [event for event in events if isinstance(event, Motion)]
        far = [sum(m.dx for m in motions), sum(m.dy for m in motions)]
        distances = np.array(self.distances_px)
        chosen = np.array([int(np.abs(distances - px).argmin()) for px in far], np.int64)
        action = {**_state(self, events, hand), "motion": chosen}
        others = [event for event in events if not isinstance(event, Motion)]
        made = self.to_events(action, hand, size)
        _checked(action, others, [event for event in made if not isinstance(event, Motion)])
        return action


def _held(hand: Hand, every: Sequence[str], wanted: Iterable[str]) -> list[Event]:
    """Let go of those keys of `every` that are held and not wanted, then press what is."""
    wanted = tuple(wanted)
    ups: list[Event] = [Key(k, False) for k in every if hand.holds(k) and k not in wanted]
    return [*ups, *(Key(k, True) for k in every if k in wanted and not hand.holds(k))]


def _switched(
    policy: KeysAndPointer | KeysAndMotion,
    fields: Mapping[str, Any],
    hand: Hand,
    moved: Sequence[Event],
) -> list[Event]:
    keys = _held(hand, policy.keys, _chosen("keys", fields["keys"], policy.keys))
    chosen = _chosen("buttons", fields["buttons"], policy.buttons)
    pressed: list[Event] = [
        Button(number, number in chosen)
        for number in policy.buttons
        if (number in chosen) != (number in hand.buttons)
    ]
    return [*keys, *moved, *pressed]


def _switches(policy: KeysAndPointer | KeysAndMotion) -> dict[str, gymnasium.Space[Any]]:
    return {
        "keys": gymnasium.spaces.MultiBinary(len(policy.keys)),
        "buttons": gymnasium.spaces.MultiBinary(len(policy.buttons)),
    }


def _state(
    policy: KeysAndPointer | KeysAndMotion, events: Sequence[Event], hand: Hand
) -> dict[str, Any]:
    held = _after(events, hand, policy.keys)
    buttons = set(hand.buttons)
    for event in events:
        if isinstance(event, Button):
            (buttons.add if event.down else buttons.discard)(event.number)
    return {
        "keys": np.array([key in held for key in policy.keys], np.int8),
        "buttons": np.array([number in buttons for number in policy.buttons], np.int8),
    }


def _after(events: Iterable[Event], hand: Hand, keys: Iterable[str]) -> set[str]:
    """The own names of the keys that are held after the events."""
    held = {key for key in keys if hand.holds(key)}
    for event in events:
        if isinstance(event, Key):
            (held.add if event.down else held.discard)(own_name(event.key))
    return held


def _checked(action: Action, events: Iterable[Event], made: Sequence[Event]) -> Action:
    """The action, if it does what the events do, in whichever order."""
    given = list(events)
    if sorted(map(repr, given)) != sorted(map(repr, made)):
        raise ValueError(f"no one action does {given!r:.200}: split them over several steps")
    return action


def _chosen(name: str, value: Any, names: Sequence[Any]) -> list[Any]:
    try:
        flags = np.asarray(value)
    except ValueError:  # lists of different lengths
        flags = np.empty(0, object)
    numbers = flags.shape == (len(names),) and flags.dtype.kind in "biuf"
    if not numbers or not np.isin(flags, (0, 1)).all():
        raise ValueError(f"{name} is {value!r:.80}, expected {len(names)} numbers that are 0 or 1")
    return [each for each, flag in zip(names, flags.tolist(), strict=True) if flag]


def _fields(action: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(action, Mapping) or set(action) != set(names):
        raise ValueError(f"action is {action!r:.80}, expected a mapping with {', '.join(names)}")
    return action


def _pair(name: str, value: Any) -> tuple[int, int]:
    if not is_pair(value):
        raise ValueError(f"{name} is {value!r:.80}, expected two integers")
    return whole(name, value[0]), whole(name, value[1])


def _check_names(expected: str, names: Any) -> None:
    """Sets are refused: their order is another in each process."""
    listed = isinstance(names, Sequence) and not isinstance(names, str) and len(names) > 0
    if not listed or not all(isinstance(name, str) for name in names):
        raise ValueError(f"keys are {names!r:.80}, expected a list of {expected}")


def _own_names(keys: Any) -> tuple[str, ...]:
    _check_names("keys such as 'Left'", keys)
    return distinct([own_name(key) for key in keys])


def _check_buttons(buttons: Any) -> None:
    listed = isinstance(buttons, Sequence) and not isinstance(buttons, str) and len(buttons) > 0
    wrong = not listed or any(type(n) is not int or n not in MASKS for n in buttons)
    if wrong or len(set(buttons)) != len(buttons):
        known = ", ".join(map(str, MASKS))
        raise ValueError(
            f"buttons are {buttons!r:.80}, expected a list with different ones of {known}"
        )

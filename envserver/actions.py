"""Action spaces, and how actions become events.

A codec turns one batch of actions into events for each environment, or raises before anything is
sent:

    KeyTableCodec   the runtime names the keys that each action holds: Discrete(n); only the
                    differences of held keys are sent
    EventCodec      a desktop: actions are lists of events (`EventSpace`)

Theory of operation: `encode` changes nothing; the stepper sends the events and calls `sent` for the
environments that got them. So an action refused for one environment leaves all as they were.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envserver.events import KEY, NO_ACTION, POINTER, Encoded, Event, encoded
from workers.keysyms import keysym

TAP_MS = 30
"""How long a tap holds its key: programs that poll once a frame miss a shorter one."""
TEXT_MS = 5
"""How long `('Text', ...)` holds each of its characters: a reader of text does not poll."""
SPARE_KEY_MS = 20
"""How long one that is not ASCII: servers give it a key, which programs have to look up."""
MAX_SPAN_MS = 60_000
TEXT_KEYS = {"\n": "Return", "\r": "Return", "\t": "Tab", "\b": "BackSpace", "\x1b": "Escape"}
EVENT_FORMS = (
    "('KeyEvent', key, down), ('PointerEvent', x, y, mask), ('Tap', key), "
    "('Text', text) or ('Wait', ms)"
)


USUAL = (list, tuple)
NOTHING = -1
"""The number of the action whose keys are held, where none are."""


class ActionCodec(Protocol):
    """What the stepper wants of a codec."""

    single_space: gymnasium.Space[Any]
    batched_space: gymnasium.Space[Any]

    def encode(self, actions: Any, envs: Sequence[int]) -> list[Encoded]:
        """Encode one action for each of `envs`.

        Raises:
            ValueError: an action has the wrong shape, type or value; the message names the
                environment.
        """
        ...

    def sent(self, envs: Iterable[int], encoded: Iterable[Encoded]) -> None:
        """Note that these environments got these events."""
        ...

    def forget(self, env: int) -> None:
        """Note that an environment's worker released everything that was held."""
        ...


class KeyTableCodec:
    """Actions are numbers; each holds a set of keys.

    Args:
        table: For each action the keysyms that are held while it lasts.
        num_envs: Number of environments.
    """

    def __init__(self, table: Sequence[Iterable[int]], num_envs: int) -> None:
        self.table = [frozenset(int(key) for key in keys) for keys in table]
        if not self.table:
            raise ValueError("the key table is empty, expected at least one action")
        self.num_envs = num_envs
        self.single_space: gymnasium.Space[Any] = gymnasium.spaces.Discrete(len(self.table))
        self.batched_space = gymnasium.vector.utils.batch_space(self.single_space, num_envs)
        self._held: list[int] = [NOTHING] * num_envs
        # By held action and new one; made when first needed. NOTHING, -1, is the last row.
        count = len(self.table)
        self._changes: list[list[Encoded | None]] = [[None] * count for _ in range(count + 1)]

    def encode(self, actions: Any, envs: Sequence[int]) -> list[Encoded]:
        numbers = self._numbers(actions, envs)
        changes, held = self._changes, self._held
        return [
            changes[held[env]][number] or self._change(held[env], number)
            for env, number in zip(envs, numbers, strict=True)
        ]

    def sent(self, envs: Iterable[int], encoded: Iterable[Encoded]) -> None:
        held = self._held
        for env, action in zip(envs, encoded, strict=True):
            held[env] = action.action

    def forget(self, env: int) -> None:
        self._held[env] = NOTHING

    def held(self, env: int) -> frozenset[int]:
        """The keysyms that the last action holds down."""
        return self.table[self._held[env]] if self._held[env] >= 0 else frozenset()

    def _numbers(self, actions: Any, envs: Sequence[int]) -> list[int]:
        limit = len(self.table)
        array: NDArray[Any] | None
        try:
            array = np.asarray(actions)
        except ValueError:
            array = None
        if array is None or array.shape != (len(envs),):
            found = describe_batch(actions)
            raise ValueError(
                f"actions are {found}, expected {len(envs)} integers, one an environment"
            )
        if array.dtype.kind not in "iu" or array is not actions:
            for env, action in zip(envs, actions, strict=True):
                if not isinstance(action, int | np.integer) or isinstance(action, bool):
                    raise ValueError(
                        f"environment {env}: action is {action!r} ({type(action).__name__}), "
                        f"expected an integer from 0 to {limit - 1}"
                    )
        numbers: list[int] = array.tolist()
        if min(numbers) < 0 or max(numbers) >= limit:
            for env, number in zip(envs, numbers, strict=True):
                if not 0 <= number < limit:
                    raise ValueError(
                        f"environment {env}: action is {number}, "
                        f"expected an integer from 0 to {limit - 1}"
                    )
        return numbers

    def _change(self, old: int, new: int) -> Encoded:
        before = self.table[old] if old != NOTHING else frozenset[int]()
        after = self.table[new]
        ups = [Event(KEY, 0, key, 0) for key in sorted(before - after)]
        downs = [Event(KEY, 0, key, 1) for key in sorted(after - before)]
        change = encoded((*ups, *downs), action=new)
        self._changes[old][new] = change
        return change


class EventSpace(gymnasium.Space[tuple[tuple[Any, ...], ...]]):
    """Lists of keyboard and pointer events for one desktop.

    An element is a sequence of events, applied in order; time passes only where an event says so:

        ('KeyEvent', key, down)         press (True) or release (False); `key` is a keysym's name,
                                        one character, or a number
        ('PointerEvent', x, y, mask)    move, with the buttons of `mask` down: bit 0 left,
                                        1 middle, 2 right, 3 and 4 the wheel
        ('Tap', key)                    press, hold for `tap_ms`, release
        ('Text', text)                  type characters one after another
        ('Wait', ms)                    let time pass before the next event

    A server types what its keyboard layout has. Desktops that envserver starts type any other
    character too (docs/actions.md). A foreign TigerVNC (1.12) drops all beyond the first 18 or so
    of its life, other servers may drop all.

    Args:
        width: Of the screen, in pixels.
        height: Of the screen, in pixels.
        keys: The keys that `sample` chooses from.
        max_events: The most events that `sample` puts into one action.
        tap_ms: How long a tap holds its key.
        seed: Of the random generator.
    """

    SAMPLE_KEYS = (
        "a",
        "b",
        "c",
        "Return",
        "space",
        "BackSpace",
        "Left",
        "Right",
        "Up",
        "Down",
        "Tab",
    )

    def __init__(
        self,
        width: int,
        height: int,
        *,
        keys: Sequence[str] = SAMPLE_KEYS,
        max_events: int = 4,
        tap_ms: int = TAP_MS,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"screen is {width}x{height}, expected at least 1x1")
        self.width, self.height = width, height
        self.keys = tuple(keys)
        self.max_events = max_events
        self.tap_ms = tap_ms
        super().__init__(None, None, seed)

    def sample(
        self, mask: Any | None = None, probability: Any | None = None
    ) -> tuple[tuple[Any, ...], ...]:
        """Choose up to `max_events` events.

        Raises:
            ValueError: a mask or probability was given: events have none.
        """
        if mask is not None or probability is not None:
            raise ValueError("EventSpace.sample takes neither mask nor probability")
        random = self.np_random
        events: list[tuple[Any, ...]] = []
        for _ in range(int(random.integers(0, self.max_events + 1))):
            kind = int(random.integers(3))
            key = self.keys[int(random.integers(len(self.keys)))]
            if kind == 0:
                events.append(("KeyEvent", key, bool(random.integers(2))))
            elif kind == 1:
                x, y = int(random.integers(self.width)), int(random.integers(self.height))
                events.append(("PointerEvent", x, y, int(random.integers(2))))
            else:
                events.append(("Tap", key))
        return tuple(events)

    def contains(self, x: Any) -> bool:
        try:
            self.events(x)
        except ValueError:
            return False
        return True

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def events(self, action: Any) -> Encoded:
        """Turn an action into queue entries with offsets.

        Raises:
            ValueError: it is no sequence of events; the message says which event and why.
        """
        if type(action) not in USUAL and not is_sequence(action):
            raise ValueError(f"action is {action!r}, expected a sequence of events")
        if len(action) == 0:
            return NO_ACTION
        entries: list[Event] = []
        at_us = 0
        for place, event in enumerate(action):
            try:
                at_us = self._append(entries, event, at_us)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise ValueError(f"event {place} is {event!r}: {error}") from error
            if at_us > MAX_SPAN_MS * 1000:
                raise ValueError(f"event {place}: the events take more than {MAX_SPAN_MS} ms")
        return encoded(entries, at_us)

    def _append(self, entries: list[Event], event: Any, at_us: int) -> int:
        kind, *fields = event if isinstance(event, list | tuple) and event else (None,)
        if kind == "KeyEvent" and len(fields) == 2:
            down = _whole(fields[1], "down", 0, 1)
            entries.append(Event(KEY, at_us, _key(fields[0]), down))
        elif kind == "PointerEvent" and len(fields) == 3:
            x = _whole(fields[0], "x", 0, self.width - 1)
            y = _whole(fields[1], "y", 0, self.height - 1)
            mask = _whole(fields[2], "mask", 0, 255)
            entries.append(Event(POINTER, at_us, mask, 0, x, y))
        elif kind == "Tap" and len(fields) == 1:
            at_us = _tap(entries, _key(fields[0]), at_us, self.tap_ms)
        elif kind == "Text" and len(fields) == 1 and isinstance(fields[0], str):
            for character in fields[0]:
                key = _key(TEXT_KEYS.get(character, character))
                at_us = _tap(entries, key, at_us, text_ms(character))
        elif kind == "Wait" and len(fields) == 1:
            at_us += round(_milliseconds(fields[0]) * 1000)
        else:
            raise ValueError(f"expected {EVENT_FORMS}")
        return at_us

    def __repr__(self) -> str:
        return f"EventSpace({self.width}x{self.height})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, EventSpace)
            and (self.width, self.height, self.tap_ms) == (other.width, other.height, other.tap_ms)
            and (self.keys, self.max_events) == (other.keys, other.max_events)
        )

    __hash__ = None  # type: ignore[assignment]


class EventCodec:
    """Actions are lists of events, one list an environment.

    Args:
        space: Of one environment.
        num_envs: Number of environments.
    """

    def __init__(self, space: EventSpace, num_envs: int) -> None:
        self.space = space
        self.single_space: gymnasium.Space[Any] = space
        self.batched_space = gymnasium.vector.utils.batch_space(space, num_envs)

    def encode(self, actions: Any, envs: Sequence[int]) -> list[Encoded]:
        if not is_sequence(actions):
            raise ValueError(
                f"actions are {describe_batch(actions)}, expected {len(envs)} lists of events"
            )
        if len(actions) != len(envs):
            found = f"actions for {len(actions)} environments, expected {len(envs)}"
            raise ValueError(f"{found}: one list of events each")
        made = []
        for env, action in zip(envs, actions, strict=True):
            try:
                made.append(self.space.events(action))
            except ValueError as error:
                raise ValueError(f"environment {env}: {error}") from error
        return made

    def sent(self, envs: Iterable[int], encoded: Iterable[Encoded]) -> None:
        """Nothing to note: the program's own events say what is held."""

    def forget(self, env: int) -> None:
        """Nothing to forget."""


def text_ms(character: str) -> int:
    """How long a character of a text takes."""
    return TEXT_MS if character.isascii() else SPARE_KEY_MS


def is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def describe_batch(actions: Any) -> str:
    """Say what was found instead of a batch of actions, in a few words."""
    if isinstance(actions, np.ndarray):
        return f"an array of shape {actions.shape} and type {actions.dtype}"
    if isinstance(actions, list | tuple):
        return f"a {type(actions).__name__} of {len(actions)}"
    text = repr(actions)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _tap(entries: list[Event], key: int, at_us: int, hold_ms: int) -> int:
    up_us = at_us + hold_ms * 1000
    entries.append(Event(KEY, at_us, key, 1))
    entries.append(Event(KEY, up_us, key, 0))
    return up_us


def _key(key: Any) -> int:
    if isinstance(key, str):
        return keysym(key)
    return _whole(key, "keysym", 1, 0x7FFFFFFF)


def _whole(value: Any, name: str, low: int, high: int) -> int:
    if not isinstance(value, int | np.integer | np.bool_) or not low <= int(value) <= high:
        raise ValueError(f"{name} is {value!r}, expected an integer from {low} to {high}")
    return int(value)


def _milliseconds(value: Any) -> float:
    if not isinstance(value, int | float | np.number) or not 0 <= float(value) <= MAX_SPAN_MS:
        raise ValueError(f"a wait of {value!r}, expected milliseconds from 0 to {MAX_SPAN_MS}")
    return float(value)

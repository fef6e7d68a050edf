"""One environment's hand: what it holds, where its pointer is, and what events become of it.

Theory of operation: `encode` turns events into queue entries or raises, and changes nothing;
`sent` notes the entries that were sent, from which follows what is held. So events that are refused
for one environment leave all as they were.

Time: a key or button that changes a second time in one action does so `tap_ms` after the first,
since programs that poll once a frame would miss it; characters of a text take less. An event with
`at_ms` happens at that time of its step, whatever it changes.

Shift: servers type the character that a key's number says, and let go of a held Shift for it. So a
key that is pressed while Shift is held is sent as what a US keyboard types then. A to Z in a text
are typed with Shift, as by a person: without it TigerVNC turns Caps Lock on and off for each, and a
busy program may miss that. What else needs Shift depends on the keyboard's layout, which servers
know.
"""

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from envserver.actions import MAX_SPAN_MS, TAP_MS, TEXT_KEYS, is_sequence, text_ms
from envserver.codecs.events import (
    BUTTONS,
    MAX_MOTION_PX,
    Button,
    Event,
    Key,
    Motion,
    Pointer,
    Text,
    Wait,
    Wheel,
)
from envserver.events import KEY, POINTER, Encoded, encoded
from envserver.events import Event as Entry
from workers.keysyms import keysym

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels of the screen."""

SHIFT = keysym("Shift_L")
SHIFTS = frozenset((SHIFT, keysym("Shift_R")))
SHIFTED = {
    ord(plain): ord(typed)
    for plain, typed in zip("`1234567890-=[]\\;',./", '~!@#$%^&*()_+{}|:"<>?', strict=True)
}
MASKS = {number: 1 << (number - 1) for number in BUTTONS if number <= 8}
"""The bits of a PointerEvent's mask by button (RFC 6143 section 7.5.5)."""
WHEEL = {(0, -1): 8, (0, 1): 16, (-1, 0): 32, (1, 0): 64}
"""And those that turn the wheel, by direction: to the right, downwards."""


class Hand:
    """Keyboard and pointer of one environment.

    Args:
        screen: Width and height of the screen, in pixels.
        shown: The part of it that the pictures show, (x, y, width, height); None: all.
        tap_ms: How long a key or button stays as it is when one action changes it twice.

    Attributes:
        keys: The keysyms that are held.
        mask: The buttons that are held, as a PointerEvent has them.
        buttons: Their numbers.
        place: Column and row of the pointer on the screen; where no event said so, its middle.
    """

    def __init__(
        self, screen: tuple[int, int], *, shown: Region | None = None, tap_ms: float = TAP_MS
    ) -> None:
        self.screen = screen
        self.shown = shown or (0, 0, *screen)
        self.tap_us = round(tap_ms * 1000)
        self.keys: frozenset[int] = frozenset()
        self.mask = 0
        self.place = (screen[0] // 2, screen[1] // 2)

    @property
    def buttons(self) -> frozenset[int]:
        return frozenset(number for number, bit in MASKS.items() if self.mask & bit)

    def encode(self, events: Iterable[Event], size: tuple[int, int] | None = None) -> Encoded:
        """Turn an action's events into queue entries.

        Args:
            events: In their order.
            size: Width and height of the picture whose pixels they count; None: the pixels of what
                is shown.

        Raises:
            ValueError: one cannot be done on this screen; the message says which and why.
        """
        if isinstance(events, Event) or not isinstance(events, Iterable):
            raise ValueError(f"action is {events!r:.80}, expected a list of events")
        stroke = _Stroke(self, self.shown[2:] if size is None else checked_size(size))
        for place, event in enumerate(events):
            try:
                stroke.add(event)
            except ValueError as error:
                raise ValueError(f"event {place} is {event!r:.120}: {error}") from error
        return encoded(stroke.entries, stroke.at_us)

    def sent(self, action: Encoded) -> None:
        """Note that these entries were sent."""
        held = set(self.keys)
        for entry in action.events:
            if entry.kind == KEY:
                (held.add if entry.value else held.discard)(entry.argument)
            elif entry.kind == POINTER:
                self.mask, self.place = entry.argument, (entry.x, entry.y)
        self.keys = frozenset(held)

    def forget(self) -> None:
        """Note that all keys and buttons were released; the pointer stays where it is."""
        self.keys, self.mask = frozenset(), 0

    def holds(self, key: str) -> bool:
        """Whether a key is down, also one that went down while Shift was held."""
        number = keysym(key)
        return number in self.keys or _shifted(number) in self.keys

    def seen(self, size: tuple[int, int] | None = None) -> tuple[int, int]:
        """Where the pointer is in a picture of this size, at its border if it is outside."""
        x, y, width, height = self.shown
        seen_width, seen_height = (width, height) if size is None else checked_size(size)
        column = (self.place[0] - x) * seen_width // width
        row = (self.place[1] - y) * seen_height // height
        return max(0, min(column, seen_width - 1)), max(0, min(row, seen_height - 1))


class _Stroke:
    """One action as it is made: the hand as it will be, and the entries so far."""

    def __init__(self, hand: Hand, size: Sequence[int]) -> None:
        self.hand = hand
        self.width, self.height = size
        self.keys, self.mask, self.place = set(hand.keys), hand.mask, hand.place
        self.entries: list[Entry] = []
        self.at_us = 0
        self._changed_us: dict[tuple[int, int], int] = {}

    def add(self, event: Event) -> None:
        if not isinstance(event, Event):
            raise ValueError("expected Key, Text, Pointer, Motion, Button, Wheel or Wait")
        if event.at_ms is not None:
            at_us = round(event.at_ms * 1000)
            if at_us < self.at_us:
                before = f"what comes before it ends at {self.at_us / 1000:g} ms"
                raise ValueError(f"at_ms is {event.at_ms:g}, but {before}")
            self.at_us = at_us
        match event:
            case Key():
                self._key(event)
            case Text():
                self._text(event.text)
            case Pointer(x, y):
                self._point(x, y)
            case Motion(dx, dy):
                self._move(dx, dy)
            case Button():
                self._button(event)
            case Wheel(dx, dy):
                self._turn(WHEEL[1 if dx > 0 else -1, 0], abs(dx))
                self._turn(WHEEL[0, 1 if dy > 0 else -1], abs(dy))
            case Wait(ms):
                self.at_us += round(ms * 1000)
        if self.at_us > MAX_SPAN_MS * 1000:
            raise ValueError(
                f"the events take more than {MAX_SPAN_MS} ms: split them over several steps"
            )

    def _key(self, event: Key) -> None:
        number = keysym(event.key)
        typed = _shifted(number)
        if event.down:
            number = typed if self.keys & SHIFTS else number
        elif number not in self.keys and typed in self.keys:
            number = typed
        self._pause((KEY, number), event)
        self.entries.append(Entry(KEY, self.at_us, number, int(event.down)))
        (self.keys.add if event.down else self.keys.discard)(number)

    def _text(self, text: str) -> None:
        held = bool(self.keys & SHIFTS)
        for is_capital, run in itertools.groupby(text, _is_capital):
            if is_capital and not held:
                self._shift(True)
            for character in run:
                number = keysym(TEXT_KEYS.get(character, character))
                self.entries.append(Entry(KEY, self.at_us, number, 1))
                self.at_us += text_ms(character) * 1000
                self.entries.append(Entry(KEY, self.at_us, number, 0))
                self.keys.discard(number)
            if is_capital and not held:
                self._shift(False)

    def _shift(self, down: bool) -> None:
        self.entries.append(Entry(KEY, self.at_us, SHIFT, int(down)))

    def _point(self, x: int, y: int) -> None:
        for name, value, limit in (("x", x, self.width), ("y", y, self.height)):
            if value >= limit:
                seen = f"{self.width}x{self.height}"
                raise ValueError(
                    f"{name} is {value}, expected 0 to {limit - 1}: the picture is {seen}"
                )
        left, top, width, height = self.hand.shown
        # The middle of the pixel that was seen.
        column = left + (2 * x + 1) * width // (2 * self.width)
        self._put(column, top + (2 * y + 1) * height // (2 * self.height))

    def _move(self, dx: int, dy: int) -> None:
        _, _, width, height = self.hand.shown
        column = self.place[0] + round(dx * width / self.width)
        row = self.place[1] + round(dy * height / self.height)
        screen_width, screen_height = self.hand.screen
        self._put(max(0, min(column, screen_width - 1)), max(0, min(row, screen_height - 1)))

    def _button(self, event: Button) -> None:
        bit = MASKS.get(event.number)
        if bit is None:
            raise ValueError(
                f"VNC has no button {event.number} ({BUTTONS[event.number]}), "
                "only 1, 2, 3 and 8 (back)"
            )
        self._pause((POINTER, event.number), event)
        self.mask = self.mask | bit if event.down else self.mask & ~bit
        self._put(*self.place)

    def _turn(self, bit: int, clicks: int) -> None:
        for _ in range(clicks):
            for mask in (self.mask | bit, self.mask):
                self.entries.append(Entry(POINTER, self.at_us, mask, 0, *self.place))

    def _put(self, column: int, row: int) -> None:
        self.place = (column, row)
        self.entries.append(Entry(POINTER, self.at_us, self.mask, 0, column, row))

    def _pause(self, what: tuple[int, int], event: Key | Button) -> None:
        """Let what changed a moment ago stay so for a tap's time."""
        if event.at_ms is None and what in self._changed_us:
            self.at_us = max(self.at_us, self._changed_us[what] + self.hand.tap_us)
        self._changed_us[what] = self.at_us


def checked_size(
    size: Any,
    name: str = "size",
    expected: str = "(width, height) of the picture seen, in whole pixels",
) -> tuple[int, int]:
    """Width and height of a picture, Python's or NumPy's integers.

    Args:
        size: Of two of them.
        name: What the error calls it.
        expected: And what it should have been.

    Raises:
        ValueError: they are none.
    """
    try:
        width, height = (
            0 if isinstance(side, bool) else operator.index(side)
            for side in (size if is_sequence(size) else ())
        )
    except (TypeError, ValueError):
        width = height = 0
    if not (1 <= width <= MAX_MOTION_PX and 1 <= height <= MAX_MOTION_PX):
        raise ValueError(f"{name} is {size!r:.80}, expected {expected}")
    return width, height


def _is_capital(character: str) -> bool:
    return "A" <= character <= "Z"


def _shifted(number: int) -> int:
    """The keysym that a US keyboard gives for a key of this keysym while Shift is held."""
    if number in SHIFTED:
        return SHIFTED[number]
    if 0x61 <= number <= 0x7A or (0xE0 <= number <= 0xFE and number != 0xF7):
        return number - 0x20
    return number

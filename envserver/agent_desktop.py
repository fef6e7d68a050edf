"""One desktop for an agent that looks, thinks and acts: `envserver.desktop(...)`.

No call sleeps: waits end when the screen says so, and bring its picture (`agent_steps.py`).
"""

import contextlib
import io
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver.agent_clipboard import AgentClipboard
from envserver.agent_steps import SLICE_MS, in_turn
from envserver.codecs.events import BUTTONS, Button, Event, Key, Pointer, Text, Wait
from envserver.codecs.gestures import Chord, Click, Move, Scroll
from envserver.codecs.keys import combination, distinct, own_name
from envserver.due import AT, check_ms, check_region
from envserver.errors import RemoteError
from envserver.pointer_mark import draw_pointer
from workers.pointer import PointerShape

Keys = str | Sequence[str]
"""Keys that are held together: "ctrl+s", or ["ctrl", "s"]."""
NUMBERS = {name: number for number, name in BUTTONS.items()}
MAX_COUNT = 100
DRAG_STEPS = 10
PRESS_MS = 30
CHARACTERS = 500
"""Of a text in one step: two events each; a queue holds thousands."""


def desktop(name: str | None = None, *, seed: int | None = None, **options: Any) -> "Desktop":
    """Start one desktop, or connect to a running one, and begin its first episode.

    Args:
        name: As `envserver.make_vec` takes it, such as "terminal.Shell-v0".
        seed: Of the first episode.
        options: Others of `make_vec`, such as `screen=(1024, 768)`, `command`, `remotes`,
            `provider`. Unless `vnc_kwargs` says otherwise, pictures have no losses.

    Raises:
        ValueError: an option is not for a desktop, or `make_vec` refuses it.
        StartError: the remote did not get ready.
    """
    return Desktop(name, seed=seed, **options)


class Desktop(AgentClipboard):
    """A desktop: pictures out, pointer and keys in; made by `envserver.desktop`.

    Places are pixels of the screen, (0, 0) its upper left corner. Arguments are checked before
    anything is sent (ValueError). Actions return when their last event was sent, waits and
    screenshots bring what the program makes of them. Calls of several threads come one after the
    other; `close` ends one that still waits (`ClosedEnvironmentError`).

    When the program's task ends its episode (`done`), pictures stay as they are, and actions raise
    `gymnasium.error.ResetNeeded` until `reset`. A remote that failed raises `RemoteError`, one that
    does not answer `TimeoutError`. After a fault waits say so again.

    Attributes:
        goal: What the task wants, as it said at the last reset; "" where none does.
        reward: The sum of the rewards since the last reset.
        done: Whether the episode has ended.
        info: What was said beside the newest picture (docs/infos.md).
    """

    # Looking

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the screen."""
        return self._hand.screen

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Where the pointer was put last; None before the first time."""
        return self._hand.place if self._placed else None

    @in_turn
    def screenshot(
        self, region: Sequence[int] | None = None, *, cursor: bool = False
    ) -> NDArray[np.uint8]:
        """What the screen shows now.

        The pointer is not in it; TigerVNC draws it until it was moved for the first time.

        Args:
            region: The part wanted, (x, y, width, height); None: all.
            cursor: Draw the pointer where it was put last: in its own shape, or as an arrow where
                the VNC server has not said it.

        Returns:
            uint8 (height, width, 3), RGB, the caller's own.
        """
        x, y, width, height = check_region(region, *self.size)
        self._look()
        shown: NDArray[np.uint8] = self._seen[y : y + height, x : x + width].copy()
        if cursor and self._placed:
            column, row = self._hand.place
            shape: PointerShape | None = None
            with contextlib.suppress(RemoteError):  # of a remote that fails the picture is left
                shape = self._session.pointer(0)
            draw_pointer(shown, (column - x, row - y), shape)
        return shown

    @in_turn
    def screenshot_png(self, region: Sequence[int] | None = None, *, cursor: bool = False) -> bytes:
        """`screenshot` as a PNG file."""
        return _file(self.screenshot(region, cursor=cursor), "PNG")

    @in_turn
    def screenshot_jpeg(
        self, region: Sequence[int] | None = None, quality: int = 85, *, cursor: bool = False
    ) -> bytes:
        """`screenshot` as a JPEG file; `quality` from 1 to 95."""
        quality = _whole("quality", quality, 1, 95)
        return _file(self.screenshot(region, cursor=cursor), "JPEG", quality=quality)

    # Waiting

    @in_turn
    def wait_change(self, max_ms: float = 5000.0, region: Sequence[int] | None = None) -> bool:
        """Wait until the region looks otherwise than it did when it was seen last.

        Seen means: in a screenshot or at the end of a wait, or just before the last action if that
        came later. So `click`, then `wait_change`, waits for what the click does.

        Args:
            max_ms: The longest wait, in milliseconds.
            region: The part looked at, (x, y, width, height); None: all.

        Returns:
            Whether it does; False after `max_ms`, or when the episode has ended.

        Raises:
            RemoteError: the remote failed, now or since the last reset.
        """
        max_ms = check_ms("max_ms", max_ms)
        region = check_region(region, *self.size)
        self._check_waits()
        changed = self._await_change(max_ms, region)
        self._see()
        return changed

    @in_turn
    def wait_stable(
        self,
        quiet_ms: float = 100.0,
        max_ms: float = 5000.0,
        region: Sequence[int] | None = None,
        answer_ms: float = 300.0,
    ) -> bool:
        """Wait until the region has not changed for a while.

        Args:
            quiet_ms: For how long, in milliseconds.
            max_ms: The longest wait.
            region: The part looked at, (x, y, width, height); None: all.
            answer_ms: After an action: how long the first change may take. An action that nothing
                follows, such as a click beside all buttons, is waited for so long.

        Returns:
            Whether it is quiet, as it is when the episode has ended; False after `max_ms`.

        Raises:
            RemoteError: the remote failed, now or since the last reset.
        """
        quiet_ms, max_ms = check_ms("quiet_ms", quiet_ms), check_ms("max_ms", max_ms)
        answer_ms = check_ms("answer_ms", answer_ms)
        if quiet_ms > max_ms:
            raise ValueError(f"quiet_ms is {quiet_ms:g}, expected at most max_ms, {max_ms:g}")
        region = check_region(region, *self.size)
        self._check_waits()
        until_ns = time.monotonic_ns() + round(max_ms * 1e6)
        if self._answering:
            first_ms = min(answer_ms, max_ms - quiet_ms)
            if not self._await_change(first_ms, region) and first_ms >= quiet_ms:
                self._see()
                return True
        left_ms = max((until_ns - time.monotonic_ns()) / 1e6, 0.0)
        quiet = self._await_quiet(quiet_ms, left_ms, region)
        self._see()
        return quiet

    @in_turn
    def wait(self, ms: float) -> None:
        """Let time pass, whatever the screen does; at most an hour."""
        until_ns = time.monotonic_ns() + round(check_ms("ms", ms) * 1e6)
        slice_ns = round(SLICE_MS * 1e6)
        waiting = True
        while waiting:
            self._check_waits()
            now_ns = time.monotonic_ns()
            waiting = now_ns + slice_ns < until_ns and not self.done
            if not self.done:
                self._step((), AT(min(until_ns, now_ns + slice_ns)))
        self._see()

    # Acting

    @in_turn
    def move(self, x: int, y: int) -> None:
        """Put the pointer to a place; buttons that are held stay so."""
        self._act(Move(self._place(x, y)).events())

    @in_turn
    def click(
        self,
        x: int | None = None,
        y: int | None = None,
        button: str = "left",
        count: int = 1,
        keys: Keys | None = None,
    ) -> None:
        """Click at a place, or where the pointer is.

        Args:
            x: From the left edge, in pixels.
            y: From the upper edge.
            button: "left", "middle" or "right".
            count: 2 is a double click.
            keys: Held meanwhile, such as "ctrl" or "ctrl+shift".
        """
        times = _whole("count", count, 1, MAX_COUNT)
        self._act(Click(_number(button), times, self._place(x, y), _held(keys)).events())

    @in_turn
    def drag(
        self,
        x: int,
        y: int,
        to_x: int,
        to_y: int,
        button: str = "left",
        ms: float = 200.0,
        keys: Keys | None = None,
    ) -> None:
        """Press at (x, y), move to (to_x, to_y) in `ms` milliseconds, release."""
        start, end = self._place(x, y), self._place(to_x, to_y)
        number, held = _number(button), _held(keys)
        pause = Wait(check_ms("ms", ms) / DRAG_STEPS)
        events: list[Event] = [Pointer(*start), Button(number, True), Wait(PRESS_MS)]
        for step in range(1, DRAG_STEPS + 1):
            way = (a + (b - a) * step // DRAG_STEPS for a, b in zip(start, end, strict=True))
            events += [Pointer(*way), pause]
        events += [Wait(PRESS_MS), Button(number, False)]
        self._act([*_downs(held), *events, *_ups(held)])

    @in_turn
    def scroll(
        self,
        x: int | None = None,
        y: int | None = None,
        dx: int = 0,
        dy: int = 0,
        keys: Keys | None = None,
    ) -> None:
        """Turn the wheel at a place, or where the pointer is: `dy` clicks down, `dx` to the right.

        Negative ones go up and to the left.
        """
        right, down = (
            _whole(name, clicks, -MAX_COUNT, MAX_COUNT) for name, clicks in (("dx", dx), ("dy", dy))
        )
        if right == down == 0:
            raise ValueError("dx and dy are 0, expected a number of clicks in one of them")
        self._act(Scroll(right, down, self._place(x, y), _held(keys)).events())

    @in_turn
    def mouse_down(self, button: str = "left") -> None:
        """Hold a button down where the pointer is, until `mouse_up` or a reset."""
        self._act([Pointer(*self._place(None, None)), Button(_number(button), True)])

    @in_turn
    def mouse_up(self, button: str = "left") -> None:
        """Release a button where the pointer is."""
        self._act([Pointer(*self._place(None, None)), Button(_number(button), False)])

    @in_turn
    def press(self, keys: Keys, count: int = 1) -> None:
        """Press keys together: "Return", "ctrl+s", ["ctrl", "shift", "t"]; names are X11's."""
        self._act(Chord(_keys(keys)).events() * _whole("count", count, 1, MAX_COUNT))

    @in_turn
    def hold(self, keys: Keys, ms: float) -> None:
        """Hold keys for `ms` milliseconds, at most a minute."""
        self._act(Chord(_keys(keys), check_ms("ms", ms)).events())

    @in_turn
    def key_down(self, keys: Keys) -> None:
        """Hold keys down until `key_up` or a reset."""
        self._act(_downs(_keys(keys)))

    @in_turn
    def key_up(self, keys: Keys) -> None:
        """Release keys."""
        self._act(_ups(_keys(keys)))

    @in_turn
    def type(self, text: str) -> None:
        """Type a text, 200 characters of ASCII a second, 50 others; a line's end is Return.

        VNC servers that envserver did not start may lose others (see `EventSpace`).
        """
        Text(text)  # refuses what is none
        parts = [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]
        self._act(*([Text(part)] for part in parts))

    @in_turn
    def do(self, events: Sequence[Event], size: tuple[int, int] | None = None) -> None:
        """Do the events of `envserver.codecs`, in whose vocabularies agents speak.

        Args:
            events: In their order.
            size: Width and height of the picture that the agent saw; None: of the screen.
        """
        self._act(events, size=size)

    def _place(self, x: int | None, y: int | None) -> tuple[int, int]:
        """A place that was given, checked, or where the pointer is."""
        if x is None and y is None:
            if not self._placed:
                raise ValueError("the pointer's place is not known yet: give x and y")
            return self._hand.place
        width, height = self.size
        try:
            return _whole("x", x, 0, width - 1), _whole("y", y, 0, height - 1)
        except ValueError as error:
            raise ValueError(f"{error}: the screen is {width}x{height}") from None


def _file(picture: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind, **options)
    return out.getvalue()


def _downs(keys: Sequence[str]) -> list[Event]:
    return [Key(key, True) for key in keys]


def _ups(keys: Sequence[str]) -> list[Event]:
    return [Key(key, False) for key in reversed(keys)]


def _held(keys: Keys | None) -> tuple[str, ...]:
    return () if keys is None else _keys(keys)


def _keys(keys: Keys) -> tuple[str, ...]:
    if isinstance(keys, str):
        return combination(keys)
    if not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"keys are {keys!r}, expected names such as 'ctrl+s' or ['ctrl', 's']")
    return distinct([own_name(key) for key in keys])


def _number(button: str) -> int:
    if not isinstance(button, str) or button not in NUMBERS:
        raise ValueError(f"button is {button!r}, expected one of {', '.join(NUMBERS)}")
    return NUMBERS[button]


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} is {value!r}, expected an integer from {low} to {high}")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, expected an integer from {low} to {high}")
    return int(value)

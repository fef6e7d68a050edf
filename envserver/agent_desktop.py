"""One desktop for an agent that looks, thinks and acts: `envserver.desktop(...)`.

No call sleeps: waits end when the screen says so, and bring its picture (`agent_steps.py`).
"""

import io
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver import gestures
from envserver.agent_steps import AgentSteps
from envserver.due import AT, CHANGED, MAX_WAIT_MS, QUIET, check_region
from envserver.gestures import Keys, Pointer, TextEvent

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


class Desktop(AgentSteps):
    """A desktop: pictures out, pointer and keys in; made by `envserver.desktop`.

    Places are pixels of the screen, (0, 0) its upper left corner. Arguments are checked before
    anything is sent (ValueError). Actions return when their last event was sent, waits and
    screenshots bring what the program makes of them. One thread at a time calls it.

    When the program's task ends its episode (`done`), pictures stay as they are, and actions raise
    `gymnasium.error.ResetNeeded` until `reset`. A remote that failed raises `RemoteError`, one that
    does not answer `TimeoutError`.

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
        return self._space.width, self._space.height

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Where the pointer was put last; None before the first time in an episode."""
        return self._pointer.place

    def screenshot(self, region: Sequence[int] | None = None) -> NDArray[np.uint8]:
        """What the screen shows now.

        The pointer is not in it; TigerVNC draws it until it was moved for the first time.

        Args:
            region: The part wanted, (x, y, width, height); None: all.

        Returns:
            uint8 (height, width, 3), RGB, the caller's own.
        """
        x, y, width, height = check_region(region, *self.size)
        self._look()
        shown: NDArray[np.uint8] = self._seen[y : y + height, x : x + width].copy()
        return shown

    def screenshot_png(self, region: Sequence[int] | None = None) -> bytes:
        """`screenshot` as a PNG file."""
        return self._file(region, "PNG")

    def screenshot_jpeg(self, region: Sequence[int] | None = None, quality: int = 85) -> bytes:
        """`screenshot` as a JPEG file; `quality` from 1 to 95."""
        return self._file(region, "JPEG", quality=gestures.whole("quality", quality, 1, 95))

    # Waiting

    def wait_change(self, max_ms: float = 5000.0, region: Sequence[int] | None = None) -> bool:
        """Wait until the region looks otherwise than it did when it was seen last.

        Seen means: in a screenshot or at the end of a wait, or just before the last action if that
        came later. So `click`, then `wait_change`, waits for what the click does.

        Args:
            max_ms: The longest wait, in milliseconds.
            region: The part looked at, (x, y, width, height); None: all.

        Returns:
            Whether it does; False after `max_ms`, or when the episode has ended.
        """
        CHANGED(max_ms)  # checks it
        region = check_region(region, *self.size)
        changed = self._await_change(max_ms, region)
        self._see()
        return changed

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
            Whether it is quiet; False after `max_ms`.
        """
        QUIET(quiet_ms, max_ms)  # checks them
        CHANGED(answer_ms)
        if quiet_ms > max_ms:
            raise ValueError(f"quiet_ms is {quiet_ms}, expected at most max_ms, {max_ms}")
        region = check_region(region, *self.size)
        until_ns = time.monotonic_ns() + round(max_ms * 1e6)
        if self._answering:
            self._await_change(min(answer_ms, max_ms - quiet_ms), region)
        left_ms = max((until_ns - time.monotonic_ns()) / 1e6, 0.0)
        quiet = self.done
        if not self.done:
            record = self._step((), QUIET(quiet_ms, left_ms, region)).records[0]
            quiet = self.done or bool(record["published_ns"] < record["due_ns"])
        self._see()
        return quiet

    def wait(self, ms: float) -> None:
        """Let time pass, whatever the screen does; at most an hour."""
        if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms <= MAX_WAIT_MS:
            raise ValueError(f"ms is {ms!r}, expected milliseconds from 0 to {MAX_WAIT_MS:.0f}")
        if not self.done:
            self._step((), AT(time.monotonic_ns() + round(ms * 1e6)))
        self._see()

    # Acting

    def move(self, x: int, y: int) -> None:
        """Put the pointer to a place; buttons that are held stay so."""
        place = gestures.place_on(self.size, self._pointer, x, y)
        self._act([self._pointer.to(*place)], Pointer(place, self._pointer.mask))

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
        place = gestures.place_on(self.size, self._pointer, x, y)
        self._act(*gestures.click(self._pointer, place, button, count, keys))

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
        start = gestures.place_on(self.size, self._pointer, x, y)
        end = gestures.place_on(self.size, self._pointer, to_x, to_y)
        self._act(*gestures.drag(self._pointer, start, end, button, ms, keys))

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
        place = gestures.place_on(self.size, self._pointer, x, y)
        self._act(*gestures.scroll(self._pointer, place, dx, dy, keys))

    def mouse_down(self, button: str = "left") -> None:
        """Hold a button down where the pointer is, until `mouse_up` or a reset."""
        self._hold_mask(self._pointer.mask | gestures.mask_of(button))

    def mouse_up(self, button: str = "left") -> None:
        """Release a button where the pointer is."""
        self._hold_mask(self._pointer.mask & ~gestures.mask_of(button))

    def press(self, keys: Keys, count: int = 1) -> None:
        """Press keys together: "Return", "ctrl+s", ["ctrl", "shift", "t"]; names are X11's."""
        self._act(gestures.press(keys, count, gestures.PRESS_MS))

    def hold(self, keys: Keys, ms: float) -> None:
        """Hold keys for `ms` milliseconds, at most a minute."""
        self._act(gestures.press(keys, 1, ms))

    def key_down(self, keys: Keys) -> None:
        """Hold keys down until `key_up` or a reset."""
        self._act([("KeyEvent", key, True) for key in gestures.key_numbers(keys)])

    def key_up(self, keys: Keys) -> None:
        """Release keys."""
        self._act([("KeyEvent", key, False) for key in reversed(gestures.key_numbers(keys))])

    def type(self, text: str) -> None:
        """Type a text, 200 characters a second; a line's end is Return.

        What is not on the server's keyboard may not arrive everywhere (see `EventSpace`).
        """
        if not isinstance(text, str):
            raise ValueError(f"text is {text!r}, expected a string")
        parts = [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]
        self._act_in_parts([[("Text", part)] for part in parts])

    def _hold_mask(self, mask: int) -> None:
        place = gestures.place_on(self.size, self._pointer, None, None)
        self._act([self._pointer.to(*place, mask)], Pointer(place, mask))

    def _act(self, events: Sequence[TextEvent], pointer: Pointer | None = None) -> None:
        self._act_in_parts([events], pointer)

    def _file(self, region: Sequence[int] | None, kind: str, **options: Any) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(self.screenshot(region)).save(out, kind, **options)
        return out.getvalue()

"""When a step's observations are due, and the session's tick clock.

`NOW`, `AT(ns)`, `CHANGED(...)` and `QUIET(...)` are what `VectorEnv.send(actions, due=...)` takes.
Every wait is bounded: the two that watch the screen carry the time at which they give up and show
what is there.
"""

import dataclasses
import math
import numbers
import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workers.entries import Due

MAX_WAIT_MS = 3_600_000.0

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels of the screen."""


@dataclasses.dataclass(frozen=True, slots=True)
class Now:
    """As soon as the step's events were sent; in step clock, when the environment has stepped."""


@dataclasses.dataclass(frozen=True, slots=True)
class At:
    """At `ns` of CLOCK_MONOTONIC (`time.monotonic_ns()`)."""

    ns: int

    def __post_init__(self) -> None:
        if isinstance(self.ns, bool) or not isinstance(self.ns, int | np.integer):
            raise ValueError(
                f"AT({self.ns!r}), expected a whole number of nanoseconds, "
                "as time.monotonic_ns() gives it"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Changed:
    """At the first change inside `region` that the step's events can have caused.

    That is, when all of them were sent and something changed since the last that is no key release;
    after `max_ms` at the latest. `region` None is the whole screen.
    """

    max_ms: float
    region: Region | None = None

    def __post_init__(self) -> None:
        check_ms("max_ms", self.max_ms)


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """When `region` has not changed for `quiet_ms`; after `max_ms` at the latest.

    `region` None is the whole screen.
    """

    quiet_ms: float
    max_ms: float
    region: Region | None = None

    def __post_init__(self) -> None:
        check_ms("quiet_ms", self.quiet_ms)
        check_ms("max_ms", self.max_ms)


DueTime = Now | At | Changed | Quiet

NOW = Now()
AT = At
CHANGED = Changed
QUIET = Quiet


class DueFields(NamedTuple):
    """A due time as the STEP entry carries it."""

    due: int
    due_ns: int
    quiet_ns: int
    x: int
    y: int
    width: int
    height: int

    def same_kind(self, other: "DueFields") -> bool:
        """Whether all but the time is the same."""
        return (
            self.due == other.due
            and self.quiet_ns == other.quiet_ns
            and self.x == other.x
            and self.y == other.y
            and self.width == other.width
            and self.height == other.height
        )


def due_fields(
    when: DueTime, sent_ns: int, screen: tuple[int, int], shown: Region | None = None
) -> DueFields:
    """Turn a due time into the fields of a STEP entry.

    Args:
        when: The due time.
        sent_ns: When the last of the step's events goes out, CLOCK_MONOTONIC.
        screen: Width and height of the screen.
        shown: The part of it that is looked at where `when` names no region; None: all.

    Raises:
        ValueError: `when` is no due time, or its region leaves the screen.
    """
    width, height = screen
    if isinstance(when, Now):
        return DueFields(int(Due.NOW), sent_ns, 0, 0, 0, width, height)
    if isinstance(when, At):
        return DueFields(int(Due.AT), max(int(when.ns), 0), 0, 0, 0, width, height)
    if not isinstance(when, Changed | Quiet):
        raise ValueError(
            f"due is {when!r}, expected NOW, AT(ns), CHANGED(max_ms) or QUIET(quiet_ms, max_ms)"
        )
    region = shown if when.region is None else when.region
    x, y, region_width, region_height = check_region(region, width, height)
    latest_ns = sent_ns + round(float(when.max_ms) * 1e6)
    if isinstance(when, Changed):
        return DueFields(int(Due.CHANGED), latest_ns, 0, x, y, region_width, region_height)
    quiet_ns = round(float(when.quiet_ms) * 1e6)
    return DueFields(int(Due.QUIET), latest_ns, quiet_ns, x, y, region_width, region_height)


class Ticks:
    """The session's absolute ticks: `fps` a second from the first step of the episodes on.

    A tick that passed before its step was sent is skipped and counted, never caught up.

    Attributes:
        missed: Ticks skipped so far because the trainer came too late.
    """

    def __init__(self, fps: float) -> None:
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise ValueError(f"fps is {fps!r}, expected a number above 0 and at most 1000, or None")
        self.fps = fps
        self.missed = 0
        self._period_ns = 1e9 / fps
        self._anchor_ns: int | None = None
        self._last = 0
        self._paused = False

    @property
    def period_ns(self) -> int:
        return round(self._period_ns)

    def restart(self) -> None:
        """Forget the past: the next step starts the ticks anew (after a reset or a pause)."""
        self._anchor_ns = None

    def due_ns(self, now_ns: int) -> int:
        """Take the first tick after `now_ns`."""
        if self._anchor_ns is None:
            self._anchor_ns, self._last = now_ns, 0
        tick = max(self._index(now_ns) + 1, self._last + 1)
        if not self._paused:
            self.missed += tick - self._last - 1
        self._last = tick
        self._paused = False
        return self._anchor_ns + round(tick * self._period_ns)

    def pause(self) -> None:
        """A step has a due time of its own: ticks that pass until the next one are not missed."""
        self._paused = True

    def _index(self, now_ns: int) -> int:
        assert self._anchor_ns is not None
        return int((now_ns - self._anchor_ns) / self._period_ns)


def check_ms(name: str, value: float) -> float:
    """Check how long a wait is, Python's number or NumPy's.

    Raises:
        ValueError: it is no time from 0 to an hour; the message calls it `name`.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not 0 <= value <= MAX_WAIT_MS
    ):
        raise ValueError(f"{name} is {value!r}, expected milliseconds from 0 to {MAX_WAIT_MS:.0f}")
    return float(value)


def check_region(region: Sequence[int] | None, width: int, height: int) -> Region:
    """Check a part of a screen; None is all of it.

    Raises:
        ValueError: it is no region, or leaves the screen.
    """
    if region is None:
        return 0, 0, width, height
    try:
        x, y, region_width, region_height = _pixels(region)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"region is {region!r}, expected (x, y, width, height), whole numbers"
        ) from error
    if (
        x < 0
        or y < 0
        or region_width < 1
        or region_height < 1
        or x + region_width > width
        or y + region_height > height
    ):
        raise ValueError(f"region {region} leaves the {width}x{height} screen")
    return x, y, region_width, region_height


def _pixels(region: Sequence[int]) -> list[int]:
    if isinstance(region, str | bytes) or not isinstance(region, Sequence | np.ndarray):
        raise TypeError("not a sequence")
    if any(isinstance(part, bool | np.bool_) for part in region):
        raise TypeError("not numbers")
    return [operator.index(part) for part in region]

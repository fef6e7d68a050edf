"""A steady clock for an asyncio loop, by timerfd: absolute ticks, missed ones counted.  [I/O]

asyncio's own timers end up to a millisecond late, because epoll counts milliseconds.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class _Interval(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


class Ticker:
    """Calls `on_tick(missed)` at each tick; ticks that passed meanwhile are skipped and counted.

    Args:
        hz: Ticks a second.
        on_tick: Called in the running loop.
    """

    def __init__(self, hz: float, on_tick: Callable[[int], None]) -> None:
        if not 0 < hz <= 1000:
            raise ValueError(f"fps is {hz}, expected more than 0, up to 1000")
        self._period_ns = round(1e9 / hz)
        self._on_tick = on_tick
        self._loop = asyncio.get_running_loop()
        self._descriptor = _checked(_libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS))
        self._loop.add_reader(self._descriptor, self._expired)
        self.is_running = False

    def start(self) -> None:
        """Begin; the first tick is one period from now."""
        if not self.is_running:
            self.is_running = True
            self._set(self._period_ns)

    def stop(self) -> None:
        if self.is_running:
            self.is_running = False
            self._set(0)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _set(self, period_ns: int) -> None:
        seconds, nanoseconds = divmod(period_ns, 1_000_000_000)
        interval = _Interval(seconds, nanoseconds, seconds, nanoseconds)
        _checked(_libc.timerfd_settime(self._descriptor, 0, ctypes.byref(interval), None))

    def _expired(self) -> None:
        try:
            (count,) = struct.unpack("Q", os.read(self._descriptor, 8))
        except BlockingIOError:
            return
        if self.is_running:
            self._on_tick(count - 1)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

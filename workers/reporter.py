"""Hands on what a rewarder's client tells: to the hot thread, and clocks to the broker.

All is posted from inside the event loop: a full mailbox is emptied within microseconds, since its
reader never waits for this thread.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from workers.clock import ClockOffset
from workers.hot import HotLoop
from workers.infos import Info, InfoLog
from workers.listener import Listener
from workers.mail import Letter
from workers.messages import pack

MAILBOX_FULL_PAUSE_S = 0.001
NO_INFO = Info(0, 0, -1, b"")


class Reporter(Listener):
    """A listener with the hot thread and the broker behind it."""

    def __init__(self, hot: HotLoop, control: asyncio.StreamWriter) -> None:
        self._hot = hot
        self._control = control
        self._rewarder_ready = asyncio.Event()
        self._infos = InfoLog()
        self._episode = hot.last_episode
        """The newest that is known of."""

    def ready(self) -> None:
        self._rewarder_ready.set()

    def socket(self, descriptor: int) -> None:
        self._hot.watch_rewarder(descriptor)

    def reads(self, reads: bool) -> None:
        self._hot.reads_rewarder(reads)

    def clock(self, offset: ClockOffset) -> None:
        self._control.write(pack("clock", low_ns=offset.low_ns, high_ns=offset.high_ns))

    def reward(
        self,
        step: int,
        episode: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        remote_ns: int,
        info: Mapping[str, Any],
    ) -> None:
        told = self._infos.add(episode, info) if info else NO_INFO
        self._episode = max(self._episode, episode)
        while not self._hot.post_reward(
            *(Letter.REWARD, step, episode, reward, terminated, truncated, remote_ns),
            *(told.packed, told.number, told.replaces),
        ):
            time.sleep(MAILBOX_FULL_PAUSE_S)

    def episode(self, reset_id: int, episode: int, running: bool) -> None:
        self._episode = max(self._episode, episode)
        letter = Letter.RUNNING if running else Letter.REMOTE_RESETS
        while not self._hot.post(letter, reset_id, episode):
            time.sleep(MAILBOX_FULL_PAUSE_S)

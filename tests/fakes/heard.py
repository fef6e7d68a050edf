"""A listener of `workers.rewarder` that notes what it is told."""

import asyncio
from collections.abc import Mapping
from typing import Any

from workers.clock import ClockOffset
from workers.listener import Listener


class Heard(Listener):
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.is_ready = asyncio.Event()
        self.compared: asyncio.Future[tuple[int, int, int]] = (
            asyncio.get_running_loop().create_future()
        )

    def ready(self) -> None:
        self.is_ready.set()

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
        ended = "terminated" if terminated else "truncated" if truncated else ""
        self.told.put_nowait(("reward", episode, reward, ended, dict(info)))

    def episode(self, reset_id: int, episode: int, running: bool) -> None:
        self.told.put_nowait(("episode", reset_id, episode, running))

    def clock(self, offset: ClockOffset) -> None:
        if not self.compared.done():
            self.compared.set_result((offset.low_ns, offset.high_ns, offset.pings))

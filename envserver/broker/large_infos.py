"""Infos of one environment that did not fit into their records, until the trainer asks for them."""

import asyncio
import contextlib
from collections import OrderedDict


class LargeInfos:
    """The newest ones by step.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._arrived = asyncio.Event()

    def add(self, step: int, data: bytes) -> None:
        """Keep one."""
        self._kept[step] = data
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        self._arrived.set()

    async def get(self, step: int, timeout_s: float) -> bytes | None:
        """Wait for one; None when it is not here and did not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while step not in self._kept:
                    self._arrived.clear()
                    await self._arrived.wait()
        return self._kept.get(step)

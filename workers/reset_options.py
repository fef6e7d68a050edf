"""With which seed and options the trainer wants each reset: the broker's words, often late."""

import asyncio
from typing import Any

from workers.errors import ResetRefused

OPTIONS_TIMEOUT_S = 10.0


class ResetOptions:
    """The newest resets' options by their numbers."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, Any]] = {}
        self._more = asyncio.Event()

    def came(self, message: dict[str, Any]) -> None:
        """Keep the broker's message `reset`."""
        self._known[message["id"]] = message
        self._more.set()

    async def of(self, reset_id: int) -> dict[str, Any]:
        """Wait for those of one reset; older ones are forgotten.

        Raises:
            ResetRefused: they did not come.
        """
        try:
            async with asyncio.timeout(OPTIONS_TIMEOUT_S):
                while reset_id not in self._known:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError as error:
            raise ResetRefused("the daemon did not say with which seed and options") from error
        self._known = {number: kept for number, kept in self._known.items() if number >= reset_id}
        return self._known[reset_id]

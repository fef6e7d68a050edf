"""What is asked of one environment's worker about its desktop, until it answers."""

import asyncio
import itertools
from typing import Any

from envserver.broker.worker import WorkerProcess
from envserver.errors import RemoteError
from workers import messages

ANSWER_S = 5.0


class Questions:
    """The questions of one environment that are open."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def ask(
        self, worker: WorkerProcess, name: str, what: str, max_s: float, fields: dict[str, Any]
    ) -> dict[str, Any]:
        """Ask a worker that is configured.

        Args:
            name: of its remote, for errors.
            max_s: how long the worker itself may wait before it answers.
            fields: what else the message says (workers/desk.py).

        Raises:
            ValueError: it refuses what was given.
            RemoteError: it cannot do it now, or does not answer.
        """
        number = next(self._numbers)
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        worker.send(messages.pack("ask", id=number, what=what, max_s=max_s, **fields))
        try:
            async with asyncio.timeout(max_s + ANSWER_S):
                result: dict[str, Any] = await answer
        except TimeoutError:
            raise RemoteError(f"{name}: no answer in {max_s + ANSWER_S:g} s") from None
        finally:
            del self._open[number]
        if "refused" in result:
            raise ValueError(f"{name}: {result['refused']}")
        if "failed" in result:
            raise RemoteError(f"{name}: {result['failed']}")
        return result

    def answered(self, message: dict[str, Any]) -> None:
        """A worker's message `answer` came."""
        answer = self._open.get(message["id"])
        if answer is not None and not answer.done():
            answer.set_result(dict(message["result"]))

    def give_up(self) -> None:
        """The worker has ended."""
        for answer in self._open.values():
            if not answer.done():
                answer.set_result({"failed": "its worker ended"})

"""Answers what the broker asks about a desktop beside its pictures: clipboard, pointer.

Theory of operation. The hot thread alone touches the connection, so each answer is one parcel that
goes to it by a letter and comes back by another (`workers.source.Parcel`); the lock keeps them one
at a time. That something was copied comes unasked, as a letter with its time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from cython_vnc.errors import ProtocolError
from workers.mail import Letter
from workers.rfb_source import RFBSource
from workers.source import Parcel

logger = logging.getLogger(__name__)


class Desk:
    """What is asked of one worker.

    Args:
        post: posts a letter with a number to the hot thread.
        send: sends a message to the broker.
    """

    def __init__(
        self,
        post: Callable[[Letter, int], Awaitable[None]],
        send: Callable[..., Awaitable[None]],
    ) -> None:
        self._post = post
        self._send = send
        self._source: RFBSource | None = None
        self._copied_ns = 0
        self._copied = asyncio.Event()
        self._exchanged_ns = 0
        """When the newest text of the last parcel was copied."""
        self._exchanged = asyncio.Event()
        self._turn = asyncio.Lock()
        self._answering: set[asyncio.Task[None]] = set()

    def connected(self, source: RFBSource) -> None:
        """The hot thread was given a connection, on which nothing was copied yet."""
        self._source = source
        self._copied_ns = 0

    def exchanged(self) -> None:
        """The hot thread is done with a parcel, and has told of every text up to then."""
        self._exchanged_ns = self._copied_ns
        self._exchanged.set()

    def copied(self, at_ns: int) -> None:
        """A program on the desktop copied text."""
        self._copied_ns = at_ns
        self._copied.set()

    def asked(self, message: dict[str, Any]) -> None:
        """Answer a message `ask`, when the answer is there."""
        task = asyncio.create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            result = await self._result(message)
        except ValueError as error:
            result = {"refused": str(error)}
        except (ConnectionError, ProtocolError) as error:
            result = {"failed": str(error)}
        except Exception as error:  # a mistake of ours: it is answered, whatever it is
            logger.exception("%r was not answered", message["what"])
            result = {"failed": repr(error)}
        await self._send("answer", id=message["id"], result=result)

    async def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._source is None:
            raise ConnectionError("it has no VNC server, or is not connected yet")
        if message["what"] == "pointer":
            return await self._pointer()
        if message["what"] == "set_clipboard":
            return await self._set_clipboard(message["text"])
        return await self._clipboard(int(message["after_ns"]), float(message["max_s"]))

    async def _clipboard(self, after_ns: int, max_s: float) -> dict[str, Any]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max_s):
                while self._copied_ns <= after_ns:
                    self._copied.clear()
                    await self._copied.wait()
        async with self._turn:
            if self._copied_ns <= after_ns:
                return {"text": "", "copied_ns": self._copied_ns}
            source = await self._exchange(Parcel.TEXT)
            return {"text": source.text(), "copied_ns": self._exchanged_ns}

    async def _set_clipboard(self, text: str) -> dict[str, Any]:
        async with self._turn:
            await self._exchange(Parcel.OFFER, text)
            return {}

    async def _pointer(self) -> dict[str, Any]:
        async with self._turn:
            shape = (await self._exchange(Parcel.SHAPE)).pointer_shape()
            return {"shape": None if shape is None else list(shape)}

    async def _exchange(self, parcel: Parcel, text: str = "") -> RFBSource:
        """Have the hot thread handle a parcel.

        Raises:
            ConnectionError: it has no connection.
            ValueError: the server's clipboard cannot hold the text; nothing was sent.
        """
        source = self._source
        assert source is not None
        if parcel is Parcel.OFFER:
            source.give(text)
        else:
            source.want()
        self._exchanged.clear()
        await self._post(Letter.EXCHANGE, parcel)
        await self._exchanged.wait()
        if not source.given():
            raise ConnectionError("its VNC server is not connected now")
        return source

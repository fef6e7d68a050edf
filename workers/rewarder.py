"""The rewarder's client: rewards and episodes of one remote, over its WebSocket. [I/O]

The remote numbers episodes from 0 anew when it restarts; the numbers that leave this module only
grow: each connection adds an offset, so that what is newer is greater.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import msgpack
import websockets.asyncio.client
import websockets.exceptions

from workers import rewarder_messages as rewarder
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused, readable
from workers.messages import WorkerConfig

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0


class Rewarder:
    """One connection to a rewarder.

    Args:
        config: where it is, and what to ask for.
        offset: added to the remote's episode numbers.
        reward: called with (step, episode, reward, terminated, truncated, remote_ns, info) each
            time one arrives.
        episode: called with (reset_id, episode, running) when the remote says that it resets or
            runs: reset_id is 0 when it did so by itself, else that of the `reset` it answers.
    """

    def __init__(
        self,
        config: WorkerConfig,
        offset: int,
        reward: Callable[[int, int, float, bool, bool, int, bytes], None],
        episode: Callable[[int, int, bool], None],
    ) -> None:
        self._config = config
        self._offset = offset
        self._reward = reward
        self._episode = episode
        self._messages_sent = 0
        self.heard = asyncio.Event()
        """Set when the rewarder has said something: it took us in."""
        self._running = -1
        self._request: _Reset | None = None
        self._socket: websockets.asyncio.client.ClientConnection | None = None

    async def connect(self) -> None:
        """Open the WebSocket.

        Raises:
            RemoteUnusable: nothing listens there, or it is no WebSocket server.
        """
        config = self._config
        host = f"[{config.rewarder_host}]" if ":" in config.rewarder_host else config.rewarder_host
        place = f"{config.name}: rewarder {host}:{config.rewarder_port}"
        try:
            self._socket = await websockets.asyncio.client.connect(
                f"ws://{host}:{config.rewarder_port}/",
                additional_headers={
                    "authorization": rewarder.authorization(config.rewarder_password),
                    "openai-observer": "false",
                },
                compression=None,
                proxy=None,
                ping_interval=None,
                max_size=rewarder.MAX_MESSAGE_BYTES,
                open_timeout=REQUEST_TIMEOUT_S,
            )
        except (socket.gaierror, UnicodeError) as error:
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise RemoteUnusable(
                Fault.REWARDER_LOST,
                f"{place}: unknown host ({error}); correct the address",
                hopeless=not again,
            ) from error
        except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as error:
            raise RemoteUnusable(Fault.REWARDER_LOST, f"{place}: {error}") from error

    async def serve(self) -> None:
        """Handle messages until the connection ends.

        Raises:
            RemoteUnusable: always, in the end.
        """
        assert self._socket is not None
        place = (
            f"{self._config.name}: rewarder"
            f" {self._config.rewarder_host}:{self._config.rewarder_port}"
        )
        reason, fault = "it closed the connection", Fault.REWARDER_LOST
        try:
            async for text in self._socket:
                message = rewarder.parse(text)
                if message.method == rewarder.CLOSE:
                    reason = readable(message.body["message"])
                    if not self.heard.is_set():
                        fault = Fault.AUTHENTICATION
                    break
                self._handle(message)
                self.heard.set()
        except rewarder.MessageError as error:
            reason = str(error)
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            reason = str(error)
        finally:
            if self._request is not None:
                self._request.fail(RemoteUnusable(fault, f"{place}: {reason}"))
            await self._socket.close()
        raise RemoteUnusable(fault, f"{place}: {reason}")

    def _handle(self, message: rewarder.Message) -> None:
        episode = message.episode + self._offset
        if message.method == rewarder.REWARD:
            info = dict(message.body["info"])
            step = info.pop("step", 0)
            done = message.body["done"]
            truncated = bool(info.pop("truncated", False)) and done
            terminated = bool(info.pop("terminated", not truncated)) and done
            self._reward(
                step if isinstance(step, int) and 0 <= step < 2**63 else 0,
                episode,
                float(message.body["reward"]),
                terminated,
                truncated,
                remote_ns(message),
                pack_info(info),
            )
        elif message.method == rewarder.DESCRIBE:
            running = message.body["env_state"] == rewarder.RUNNING
            if running:
                self._running = message.episode
            if self._request is None:
                self._episode(0, episode, running)
            else:
                self._answer()
        elif self._request is not None and self._request.is_answered_by(message):
            if message.method == rewarder.REPLY_ERROR:
                self._request.fail(ResetRefused(readable(message.body["message"])))
            else:
                self._request.episode = message.episode
                self._request.info = pack_info(message.body.get("info") or {})
                self._answer()
        elif message.method in (rewarder.TEXT, rewarder.OBSERVATION):
            key = "text" if message.method == rewarder.TEXT else "observation"
            info_bytes = pack_info({key: message.body[key]})
            self._reward(0, episode, 0.0, False, False, remote_ns(message), info_bytes)
        else:
            logger.debug("ignored %s", message.method)

    def _answer(self) -> None:
        """Report the reset's episode once the remote replied and runs it, in either order.

        Here and not where `reset` goes on: what the remote says next must not overtake it.
        """
        request = self._request
        if request is None or request.episode is None or self._running < request.episode:
            return
        self._request = None
        episode = request.episode + self._offset
        if request.info:
            self._reward(0, episode, 0.0, False, False, 0, request.info)
        self._episode(request.reset_id, episode, True)
        if not request.answered.done():
            request.answered.set_result(None)

    async def reset(
        self, reset_id: int, seed: int | None, env_id: str | None, options: dict[str, Any]
    ) -> None:
        """Start a new episode; returns when the remote runs it, after `episode` was called.

        Raises:
            ResetRefused: the remote answered with an error.
            RemoteUnusable: the connection broke, or it took longer than reset_timeout_s.
        """
        assert self._socket is not None
        config = self._config
        body: dict[str, Any] = {
            "seed": seed,
            "env_id": env_id if env_id is not None else config.env_id,
            "fps": config.fps or 60,
            "clock": config.clock,
        }
        if options:
            body["options"] = options
        request = self._request = _Reset(reset_id, self._messages_sent)
        self._messages_sent += 1
        text = rewarder.build(
            rewarder.RESET, rewarder.headers(request.message_id, time.time(), episode=0), body
        )
        try:
            async with asyncio.timeout(config.reset_timeout_s):
                await self._socket.send(text)
                await request.answered
        except TimeoutError as error:
            raise RemoteUnusable(
                Fault.RESET_FAILED,
                f"{config.name}: no new episode within {config.reset_timeout_s:g} s",
            ) from error
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            raise RemoteUnusable(
                Fault.REWARDER_LOST, f"{config.name}: rewarder: {error}"
            ) from error
        finally:
            if self._request is request:
                self._request = None

    async def close(self) -> None:
        """Close the connection; `serve` then ends."""
        if self._socket is not None:
            await self._socket.close()


def pack_info(info: dict[str, Any]) -> bytes:
    """An info as msgpack; empty, with a warning, when it holds what msgpack cannot say."""
    if not info:
        return b""
    try:
        packed: bytes = msgpack.packb(info)
    except (OverflowError, ValueError) as error:
        logger.warning("an info of the rewarder is left out: %s", error)
        return b""
    return packed


def remote_ns(message: rewarder.Message) -> int:
    """The sender's wall clock in nanoseconds; 0 where it says what no clock does."""
    return int(message.sent_at * 1e9) if 0 <= message.sent_at < 2**33 else 0


class _Reset:
    """A reset that waits for its reply and for the episode to run."""

    def __init__(self, reset_id: int, message_id: int) -> None:
        self.reset_id = reset_id
        self.message_id = message_id
        self.episode: int | None = None
        self.info = b""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def is_answered_by(self, message: rewarder.Message) -> bool:
        return message.parent_message_id == self.message_id

    def fail(self, error: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)
            self.answered.exception()  # retrieved here: the caller may be gone

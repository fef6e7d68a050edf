"""The rewarder's client: rewards and episodes of one remote, over its WebSocket. [I/O]

The remote numbers episodes from 0 anew when it restarts; the numbers that leave this module only grow: each
connection adds an offset, so that what is newer is greater.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgpack
import websockets.asyncio.client
import websockets.exceptions

from workers import rewarder_messages as rewarder
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused
from workers.messages import WorkerConfig

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0
LATER_EPISODES_S = 5.0


class Rewarder:
    """One connection to a rewarder.

    Args:
        config: where it is, and what to ask for.
        offset: added to the remote's episode numbers.
        reward: called with (step, episode, reward, terminated, truncated, remote_ns, info) each time one arrives.
        episode: called with (episode, running) when the remote says that it resets or runs by itself.
    """

    def __init__(
        self,
        config: WorkerConfig,
        offset: int,
        reward: Callable[[int, int, float, bool, bool, int, bytes], None],
        episode: Callable[[int, bool], None],
    ) -> None:
        self._config = config
        self._offset = offset
        self._reward = reward
        self._episode = episode
        self._messages_sent = 0
        self._replies: dict[int, asyncio.Future[rewarder.Message]] = {}
        self._running = -1
        self._runs = asyncio.Condition()
        self._resetting = False
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
        reason = "it closed the connection"
        try:
            async for text in self._socket:
                message = rewarder.parse(text)
                if message.method == rewarder.CLOSE:
                    reason = message.body["message"]
                    break
                await self._handle(message)
        except rewarder.MessageError as error:
            reason = str(error)
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            reason = str(error)
        finally:
            for waiting in self._replies.values():
                if not waiting.done():
                    waiting.set_exception(RemoteUnusable(Fault.REWARDER_LOST, f"{place}: {reason}"))
                    waiting.exception()  # retrieved: nobody may be waiting any more
            await self._socket.close()
        raise RemoteUnusable(Fault.REWARDER_LOST, f"{place}: {reason}")

    async def _handle(self, message: rewarder.Message) -> None:
        episode = message.episode + self._offset
        if message.method == rewarder.REWARD:
            info = dict(message.body["info"])
            step = info.pop("step", 0)
            done = message.body["done"]
            truncated = done and bool(info.pop("truncated", False))
            terminated = done and bool(info.pop("terminated", not truncated))
            self._reward(
                step if isinstance(step, int) else 0,
                episode,
                float(message.body["reward"]),
                terminated,
                truncated,
                int(message.sent_at * 1e9),
                msgpack.packb(info) if info else b"",
            )
        elif message.method == rewarder.DESCRIBE:
            running = message.body["env_state"] == rewarder.RUNNING
            async with self._runs:
                if running:
                    self._running = message.episode
                    self._runs.notify_all()
            if not self._resetting:
                self._episode(episode, running)
        elif message.parent_message_id is not None:
            waiting = self._replies.get(message.parent_message_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif message.method in (rewarder.TEXT, rewarder.OBSERVATION):
            key = "text" if message.method == rewarder.TEXT else "observation"
            info_bytes: bytes = msgpack.packb({key: message.body[key]})
            self._reward(0, episode, 0.0, False, False, int(message.sent_at * 1e9), info_bytes)
        else:
            logger.debug("ignored %s", message.method)

    async def reset(self, seed: int | None, env_id: str | None, options: dict[str, Any]) -> int:
        """Start a new episode; returns its number when the remote runs it.

        Raises:
            ResetRefused: the remote answered with an error.
            RemoteUnusable: the connection broke, or it took longer than reset_timeout_s.
        """
        assert self._socket is not None
        message_id = self._messages_sent
        self._messages_sent += 1
        reply: asyncio.Future[rewarder.Message] = asyncio.get_running_loop().create_future()
        self._replies[message_id] = reply
        body = {
            "seed": seed,
            "env_id": env_id if env_id is not None else self._config.env_id,
            "fps": self._config.fps or 60,
            "clock": self._config.clock,
        }
        if options:
            body["options"] = options
        self._resetting = True
        try:
            async with asyncio.timeout(self._config.reset_timeout_s):
                await self._socket.send(
                    rewarder.build(
                        rewarder.RESET, rewarder.headers(message_id, time.time(), episode=0), body
                    )
                )
                message = await reply
                if message.method == rewarder.REPLY_ERROR:
                    raise ResetRefused(message.body["message"])
                async with self._runs:
                    await self._runs.wait_for(lambda: self._running >= message.episode)
                return message.episode + self._offset
        except TimeoutError as error:
            raise RemoteUnusable(
                Fault.RESET_FAILED,
                f"{self._config.name}: no new episode within {self._config.reset_timeout_s:g} s",
            ) from error
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            raise RemoteUnusable(
                Fault.REWARDER_LOST, f"{self._config.name}: rewarder: {error}"
            ) from error
        finally:
            self._resetting = False
            del self._replies[message_id]

    async def close(self) -> None:
        """Close the connection; `serve` then ends."""
        if self._socket is not None:
            await self._socket.close()

"""The rewarder's client: rewards and episodes of one remote, over its WebSocket. [I/O]

The remote numbers episodes from 0 anew when it restarts; the numbers that leave this module only
grow: each connection adds an offset, so that what is newer is greater.

Pings are sent one after the other: some soon and every five minutes, to compare clocks, and one
whenever the remote has said nothing for a while. One that says nothing to that either is lost.
"""

import asyncio
import contextlib
import logging
import socket
import time
from typing import Any

import websockets.asyncio.client
import websockets.exceptions

from workers import rewarder_messages as rewarder
from workers.clock import ClockOffset
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused, readable
from workers.infos import TEXT
from workers.listener import Listener
from workers.messages import WorkerConfig

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
CALIBRATION_PINGS = 10
CALIBRATE_AFTER_S = 0.5
"""The first reset over a connection need not share the processor with pings."""
CALIBRATE_EVERY_S = 300.0
MAX_EPISODE = 1 << 62
MAX_NS = (1 << 63) - 1
REFUSALS = (401, 403)


class Rewarder:
    """One connection to a rewarder.

    Args:
        config: where it is, and what to ask for.
        offset: added to the remote's episode numbers.
    """

    def __init__(self, config: WorkerConfig, offset: int, listener: Listener) -> None:
        self._config = config
        self._offset = offset
        self._listener = listener
        self._messages_sent = 0
        self._running = -1
        self._request: _Reset | None = None
        self._ping: _Ping | None = None
        self._keep_alive_s = config.step_timeout_s
        self._ping_timeout_s = 2 * config.step_timeout_s
        self._clock = ClockOffset()
        self._heard_s = time.monotonic()
        self._heard = False
        self._silent = ""
        self._socket: websockets.asyncio.client.ClientConnection | None = None

    @property
    def resetting(self) -> bool:
        """Whether a reset is not answered yet."""
        return self._request is not None

    @property
    def _place(self) -> str:
        host, port = self._config.rewarder_host, self._config.rewarder_port
        return f"{self._config.name}: rewarder {f'[{host}]' if ':' in host else host}:{port}"

    async def connect(self) -> None:
        """Open the WebSocket.

        Raises:
            RemoteUnusable: nothing listens there, or it is no WebSocket server.
        """
        config = self._config
        host = f"[{config.rewarder_host}]" if ":" in config.rewarder_host else config.rewarder_host
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
                create_connection=_Connection,
                open_timeout=REQUEST_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
            )
        except websockets.exceptions.InvalidStatus as error:
            if error.response.status_code in REFUSALS:
                raise self._refused(str(error)) from error
            raise self._lost(str(error)) from error
        except (socket.gaierror, UnicodeError) as error:
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise RemoteUnusable(
                Fault.REWARDER_LOST,
                f"{self._place}: unknown host ({error}); correct the address",
                final=not again,
            ) from error
        except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as error:
            raise self._lost(str(error) or "it does not answer") from error

    async def serve(self) -> None:
        """Handle messages until the connection ends.

        Raises:
            RemoteUnusable: always, in the end.
        """
        self._heard_s = time.monotonic()
        assert isinstance(self._socket, _Connection)
        self._socket.listener = self._listener
        self._listener.socket(self._socket.transport.get_extra_info("socket").fileno())
        pings = asyncio.create_task(self._keep_pinging())
        failure = self._lost("it closed the connection")
        try:
            async for text in self._socket:
                message = rewarder.parse(text)
                if message.method == rewarder.CLOSE:
                    failure = self._refused(readable(message.body["message"]))
                    break
                self._heard_s = time.monotonic()
                if not self._heard:
                    self._heard = True
                    self._listener.ready()
                self._handle(message)
        except rewarder.MessageError as error:
            failure = self._lost(str(error))
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            failure = self._lost(self._silent or str(error))
        finally:
            self._listener.socket(-1)
            pings.cancel()
            if self._request is not None:
                self._request.fail(failure)
            await self._socket.close()
        raise failure

    def _lost(self, why: str) -> RemoteUnusable:
        return RemoteUnusable(Fault.REWARDER_LOST, f"{self._place}: {why}")

    def _refused(self, why: str) -> RemoteUnusable:
        """The remote does not want us; it would not the next time."""
        fault, hint = Fault.REWARDER_LOST, ""
        if any(word in why.lower() for word in ("password", "authorization", "401", "403")):
            fault = Fault.AUTHENTICATION
            hint = "; give the right one as `?password=` of the address"
        return RemoteUnusable(fault, f"{self._place} refuses: {why}{hint}", final=True)

    def _handle(self, message: rewarder.Message) -> None:
        episode = message.episode + self._offset
        if episode > MAX_EPISODE:
            raise rewarder.MessageError(f"episodes are counted up to {episode}")
        if message.method == rewarder.REWARD:
            info = dict(message.body["info"])
            step = info.pop("step", 0)
            done = message.body["done"]
            truncated = bool(info.pop("truncated", False)) and done
            terminated = bool(info.pop("terminated", not truncated)) and done
            step = step if isinstance(step, int) and 0 <= step <= MAX_NS else 0
            reward = float(message.body["reward"])
            self._tell(message, episode, info, step, reward, terminated, truncated)
        elif message.method == rewarder.DESCRIBE:
            running = message.body["env_state"] == rewarder.RUNNING
            if running:
                self._running = message.episode
            if self._request is None:
                self._listener.episode(0, episode, running)
            else:
                self._answer()
        elif self._ping is not None and self._ping.is_answered_by(message):
            self._ping.answer(message)
        elif self._request is not None and self._request.is_answered_by(message):
            if message.method == rewarder.REPLY_ERROR:
                self._request.fail(ResetRefused(readable(message.body["message"])))
            else:
                self._request.reply = message
                self._answer()
        elif message.method == rewarder.TEXT:
            self._tell(message, episode, {TEXT: [message.body["text"]]})
        elif message.method == rewarder.OBSERVATION:
            self._tell(message, episode, {"observation": message.body["observation"]})
        else:
            logger.debug("ignored %s", message.method)

    def _tell(
        self,
        message: rewarder.Message,
        episode: int,
        info: dict[str, Any],
        step: int = 0,
        reward: float = 0.0,
        terminated: bool = False,
        truncated: bool = False,
    ) -> None:
        remote_ns = int(max(-MAX_NS, min(message.sent_at * 1e9, MAX_NS)))
        try:
            self._listener.reward(step, episode, reward, terminated, truncated, remote_ns, info)
        except ValueError as error:
            raise rewarder.MessageError(f"{message.method}: {error}") from error

    def _answer(self) -> None:
        """Report the reset's episode once the remote replied and runs it, in either order.

        Here and not where `reset` goes on: what the remote says next must not overtake it.
        """
        request = self._request
        if request is None or request.reply is None or self._running < request.reply.episode:
            return
        self._request = None
        episode = request.reply.episode + self._offset
        info = request.reply.body.get("info")
        if isinstance(info, dict) and info:
            self._tell(request.reply, episode, info)
        self._listener.episode(request.reset_id, episode, True)
        if not request.answered.done():
            request.answered.set_result(None)

    async def _keep_pinging(self) -> None:
        """Compare the clocks now and then, and notice when nobody is there any more."""
        assert self._socket is not None
        with contextlib.suppress(OSError, websockets.exceptions.ConnectionClosed):
            await asyncio.sleep(CALIBRATE_AFTER_S)
            while True:
                self._clock.forget()
                for _ in range(CALIBRATION_PINGS):
                    if not await self._pinged():
                        break
                if self._clock.pings:
                    self._listener.clock(self._clock)
                again_s = time.monotonic() + CALIBRATE_EVERY_S
                while (now_s := time.monotonic()) < again_s:
                    await asyncio.sleep(min(self._keep_alive_s, again_s - now_s))
                    if time.monotonic() - self._heard_s >= self._keep_alive_s:
                        await self._pinged()

    async def _pinged(self) -> bool:
        """Ping once; False when no reply came, and if nothing at all did, the end is near."""
        assert self._socket is not None
        ping = self._ping = _Ping(self._messages_sent)
        self._messages_sent += 1
        sent_ns = time.monotonic_ns()
        head = rewarder.headers(ping.message_id, time.time())
        await self._socket.send(rewarder.build(rewarder.PING, head, {}))
        try:
            while True:
                try:
                    async with asyncio.timeout(self._ping_timeout_s):
                        stamp_s, received_ns = await asyncio.shield(ping.answered)
                    self._clock.add(sent_ns, int(stamp_s * 1e9), received_ns)
                    return True
                except TimeoutError:
                    if time.monotonic() - self._heard_s < self._ping_timeout_s:
                        return False
                    # A reset has a time-out of its own, and some remotes do nothing else meanwhile.
                    if self._request is None:
                        self._silent = f"it has said nothing for {self._ping_timeout_s:g} s"
                        self._socket.transport.abort()
                        return False
        finally:
            self._ping = None

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
        head = rewarder.headers(request.message_id, time.time(), episode=0)
        try:
            text = rewarder.build(rewarder.RESET, head, body)
            async with asyncio.timeout(config.reset_timeout_s):
                await self._socket.send(text)
                await request.answered
        except TimeoutError as error:
            did = "did not answer the reset" if request.reply is None else "ran no new episode"
            raise RemoteUnusable(
                Fault.RESET_FAILED, f"the rewarder {did} within {config.reset_timeout_s:g} s"
            ) from error
        except (OSError, websockets.exceptions.ConnectionClosed) as error:
            raise RemoteUnusable(Fault.REWARDER_LOST, f"{self._place}: {error}") from error
        except ValueError as error:
            raise ResetRefused(f"seed or options cannot be sent: {error}") from error
        finally:
            if self._request is request:
                self._request = None

    async def close(self) -> None:
        """Close the connection; `serve` then ends."""
        if self._socket is not None:
            await self._socket.close()


class _Connection(websockets.asyncio.client.ClientConnection):
    """Says to its listener when it has read something, and when that has been handled."""

    listener = Listener()

    def data_received(self, data: bytes) -> None:
        self.listener.reads(True)
        super().data_received(data)
        # Callbacks run in order: the task that waits for messages was scheduled just now.
        self.loop.call_soon(self.listener.reads, False)


class _Ping:
    """A ping that waits for its reply."""

    def __init__(self, message_id: int) -> None:
        self.message_id = message_id
        self.answered: asyncio.Future[tuple[float, int]] = (
            asyncio.get_running_loop().create_future()
        )

    def is_answered_by(self, message: rewarder.Message) -> bool:
        return message.parent_message_id == self.message_id

    def answer(self, message: rewarder.Message) -> None:
        """Note the remote's clock, and ours."""
        if not self.answered.done():
            self.answered.set_result((message.sent_at, time.monotonic_ns()))


class _Reset:
    """A reset that waits for its reply and for the episode to run."""

    def __init__(self, reset_id: int, message_id: int) -> None:
        self.reset_id = reset_id
        self.message_id = message_id
        self.reply: rewarder.Message | None = None
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def is_answered_by(self, message: rewarder.Message) -> bool:
        return message.parent_message_id == self.message_id

    def fail(self, error: Exception) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)
            self.answered.exception()  # retrieved here: the caller may be gone

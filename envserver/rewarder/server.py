"""A rewarder: tells its clients of episodes and rewards over a WebSocket, and resets.  [I/O]

Theory of operation. `describe` and `reward` are plain calls: they write to every admitted client at
once and in order, so that what the program does in one step arrives in that order. A client is
admitted by its password. The first one that is no observer and sends a message becomes the *active*
client; a second is sent away. A reset runs in a task of its own, so that pings are answered
meanwhile; they come one after the other. One that waited for another like it, and asks for no seed
and no options, is answered with the episode that the other began.
"""

import asyncio
import hmac
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from workers import rewarder_messages as messages

logger = logging.getLogger(__name__)
# Clients probe the port with bare connects: that is no error of ours.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.CRITICAL)

MAX_REQUEST_BYTES = 1 << 20
MAX_UNSENT_BYTES = 8 << 20
MAX_CLOSE_REASON_BYTES = 123
NORMAL_CLOSE = 1000
MAX_CLIENT_FPS = 60

NO_AUTHORIZATION = "No authorization header supplied. Send the password as user name (Basic)."
SECOND_CLIENT = "The rewarder already has an active client. Connect as an observer to listen."


class ResetRefused(Exception):
    """A reset cannot be done; the message goes to the client."""


OnReset = Callable[[messages.Message], Awaitable[dict[str, Any]]]
"""Does a `v0.env.reset` and returns the reply's body; raises `ResetRefused`."""


class Client:
    """One admitted connection."""

    def __init__(self, connection: ServerConnection, *, is_observer: bool) -> None:
        self.connection = connection
        self.is_observer = is_observer
        self.sent = 0

    def send(self, method: str, body: Mapping[str, Any], **headers: Any) -> None:
        """Write a message at once; a client that does not read is dropped."""
        text = messages.build(method, messages.headers(self.sent, time.time(), **headers), body)
        self.sent += 1
        transport = self.connection.transport
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            logger.warning("rewarder client dropped: it does not read")
            transport.abort()
            return
        self.write(text)

    def write(self, text: str) -> None:
        broadcast([self.connection], text)


class RewarderServer:
    """The rewarder of one program.

    Args:
        env_id: What `describe` says runs.
        fps: What `describe` says.
        on_reset: Does a reset.
        password: The user name that clients must send.
        on_clients: Called when a client came or left.
    """

    def __init__(
        self,
        *,
        env_id: str | None,
        fps: float,
        on_reset: OnReset,
        password: str = "openai",
        on_clients: Callable[[], None] = lambda: None,
    ) -> None:
        self.env_id = env_id
        self.fps = fps
        self.episode = 0
        self.env_state = messages.RESETTING
        self.clients: set[Client] = set()
        self._password = password
        self._on_reset = on_reset
        self._on_clients = on_clients
        self._active: Client | None = None
        self._resets: set[asyncio.Task[None]] = set()
        self._reset_lock = asyncio.Lock()
        self._last_reset: tuple[float, tuple[float | None, str]] | None = None
        """When the newest was done; the fps and clock that it asked for."""
        self._server: Server | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, listener: socket.socket | None = None
    ) -> int:
        """Listen, on a socket that listens already if one is given; return the port."""
        place: dict[str, Any] = {"host": host, "port": port}
        self._server = await serve(
            self._serve_client,
            **(place if listener is None else {"sock": listener}),
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_size=MAX_REQUEST_BYTES,
            logger=_websockets_logger,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for task in self._resets:
            task.cancel()

    def describe(self, env_state: str, episode: int) -> None:
        """Enter a state of an episode and tell every client."""
        self.env_state, self.episode = env_state, episode
        for client in list(self.clients):
            self._send_describe(client)

    def reward(self, reward: float, *, done: bool, info: Mapping[str, Any]) -> None:
        """Tell every client of a reward in the current episode."""
        body = {"reward": reward, "done": done, "info": info}
        for client in list(self.clients):
            client.send(messages.REWARD, body, episode=self.episode)

    def text(self, text: str) -> None:
        """Tell every client a text of the current episode: it adds to what was told before."""
        for client in list(self.clients):
            client.send(messages.TEXT, {"text": text}, episode=self.episode)

    async def send_away(self, reason: str) -> None:
        """Close every connection, saying why; clients do not come back by themselves then."""
        await asyncio.gather(*(_send_away(client, reason) for client in list(self.clients)))

    def make_client(self, connection: ServerConnection, *, is_observer: bool) -> Client:
        """For a subclass that misbehaves."""
        return Client(connection, is_observer=is_observer)

    def _send_describe(self, client: Client) -> None:
        body = {"env_id": self.env_id, "env_state": self.env_state, "fps": self.fps}
        client.send(messages.DESCRIBE, body, episode=self.episode)

    async def _serve_client(self, connection: ServerConnection) -> None:
        refusal = self._refusal(connection)
        headers = connection.request.headers if connection.request else {}
        client = self.make_client(connection, is_observer=headers.get("openai-observer") == "true")
        if refusal is not None:
            await _send_away(client, refusal)
            return
        self.clients.add(client)
        self._on_clients()
        try:
            self._send_describe(client)
            async for text in connection:
                reason = self._handle(client, text)
                if reason is not None:
                    await _send_away(client, reason)
                    return
        except ConnectionClosed:
            pass
        finally:
            self.clients.discard(client)
            if self._active is client:
                self._active = None
            self._on_clients()

    def _refusal(self, connection: ServerConnection) -> str | None:
        header = connection.request.headers.get("authorization") if connection.request else None
        if header is None:
            return NO_AUTHORIZATION
        try:
            given = messages.parse_authorization(header)
        except messages.MessageError as error:
            return f"Could not parse authorization header: {error}."
        if not hmac.compare_digest(given.encode(), self._password.encode()):
            return "Invalid password."
        return None

    def _handle(self, client: Client, text: str | bytes) -> str | None:
        """Act on one message; return why the client must leave, if it must."""
        received = time.monotonic()
        try:
            message = messages.parse(text)
        except messages.MessageError as error:
            logger.warning("rewarder client dropped: %s", error)
            return str(error)
        if not client.is_observer:
            if self._active is None:
                self._active = client
            elif self._active is not client:
                return SECOND_CLIENT
        if message.method == messages.PING:
            client.send(messages.REPLY_PING, {}, parent_message_id=message.message_id)
        elif message.method == messages.RESET:
            task = asyncio.ensure_future(self._reset(client, message, received))
            self._resets.add(task)
            task.add_done_callback(self._resets.discard)
        else:
            logger.warning("rewarder ignores the method %.60r", message.method)
        return None

    async def _reset(self, client: Client, message: messages.Message, received: float) -> None:
        try:
            async with self._reset_lock:
                method, body = messages.REPLY_RESET, await self._reset_once(message, received)
        except ResetRefused as error:
            method, body = messages.REPLY_ERROR, {"message": str(error)}
        except Exception as error:
            logger.exception("a reset failed")
            method = messages.REPLY_ERROR
            body = {"message": f"reset: {type(error).__name__}: {error}"}
        if client in self.clients:
            client.send(
                method,
                body,
                episode=self.episode,
                parent_message_id=message.message_id,
                parent_runtime_s=time.monotonic() - received,
            )

    async def _reset_once(self, message: messages.Message, received: float) -> dict[str, Any]:
        """Reset, or not where that was done since the request came."""
        body = message.body
        env_id, clock = body.get("env_id"), body.get("clock") or "real"
        asked = (_fps(body), clock)
        if self._last_reset is not None:
            done, before = self._last_reset
            if (
                received < done
                and asked == before
                and env_id in (None, self.env_id)
                and message.episode < self.episode
                and body.get("seed") is None
                and not body.get("options")
            ):
                return {}
        reply = await self._on_reset(message)
        self._last_reset = time.monotonic(), asked
        return reply


def _fps(body: Mapping[str, Any]) -> float | None:
    """The frame rate that a reset asks for; one that no server has counts as none."""
    fps = body.get("fps")
    return fps if fps is not None and 0 < fps <= MAX_CLIENT_FPS else None


async def _send_away(client: Client, reason: str) -> None:
    client.send(messages.CLOSE, {"message": reason})
    short = reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")
    await client.connection.close(NORMAL_CLOSE, short)

"""Universe's own rewarder as its clients met it: a script of what it says to what.

It writes as its JSON library did ('/' as '\\/', headers in another order) and, for the Windows
server, without message ids and with null bodies. Frames go over a real WebSocket.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.server import ServerConnection, serve


class OriginalServer:
    """One client's server; the test says what it answers beyond pings.

    Attributes:
        heard: every message of the client but its pings, as they come.
        pings: how many came.
        requests: the HTTP headers of every connection.
    """

    def __init__(self, *, windows: bool = False) -> None:
        self.windows = windows
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.connected: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.requests: list[dict[str, str]] = []
        self.pings = 0
        self.answers_pings = True
        self.clock_ahead_s = 0.0
        self.greeting: tuple[str, int] | None = ("running", 1)
        self.port = 0
        self._socket: ServerConnection | None = None
        self._sent = 0

    async def describe(self, state: str, episode: int) -> None:
        body = {"env_id": "flashgames.DuskDrive-v0", "env_state": state, "fps": 60}
        await self.say("v0.env.describe", body, episode_id=str(episode))

    async def reward(
        self,
        episode: int,
        reward: float,
        done: bool = False,
        info: dict[str, Any] | None = None,
    ) -> None:
        body = {"reward": reward, "done": done, "info": info or {}}
        await self.say("v0.env.reward", body, episode_id=str(episode))

    async def text(self, episode: int, text: str) -> None:
        await self.say("v0.env.text", {"text": text}, episode_id=str(episode))

    async def reply_reset(self, request: dict[str, Any], episode: int) -> None:
        await self.say(
            "v0.reply.env.reset",
            None if self.windows else {},
            parent_message_id=request["headers"]["message_id"],
            parent_runtime=64.03125,
            episode_id=str(episode),
        )

    async def say(self, method: str, body: Any, **headers: Any) -> None:
        headers["sent_at"] = time.time() + self.clock_ahead_s
        if not self.windows:
            headers["message_id"] = self._sent
        self._sent += 1
        await self.raw(json.dumps({"body": body, "headers": headers, "method": method}))

    async def raw(self, text: str) -> None:
        assert self._socket is not None
        await self._socket.send(text.replace("/", "\\/"))

    async def drop(self) -> None:
        assert self._socket is not None
        self._socket.transport.abort()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.requests.append({key.lower(): value for key, value in socket.request.headers.items()})
        self._socket = socket
        self._sent = 0
        if self.greeting is not None:
            await self.describe(*self.greeting)
        self.connected.put_nowait(socket)
        with contextlib.suppress(Exception):
            async for text in socket:
                message = json.loads(text)
                if message["method"] != "v0.control.ping":
                    self.heard.put_nowait(message)
                    continue
                self.pings += 1
                if self.answers_pings:
                    await self.say(
                        "v0.reply.control.ping",
                        None if self.windows else {},
                        parent_message_id=message["headers"]["message_id"],
                    )


@contextlib.asynccontextmanager
async def original_server(**options: Any) -> AsyncIterator[OriginalServer]:
    server = OriginalServer(**options)
    listener = await serve(server._serve, "127.0.0.1", 0, compression=None, close_timeout=0.1)
    server.port = next(iter(listener.sockets)).getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()

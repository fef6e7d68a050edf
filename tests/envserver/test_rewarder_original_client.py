"""Our rewarder against Universe's client, byte for byte as that one spoke."""

import asyncio
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from envserver.rewarder.server import RewarderServer
from workers import rewarder_messages as messages

TIMEOUT_S = 10.0
UPGRADE = (
    "GET / HTTP/1.1\r\n"
    "User-Agent: AutobahnPython/0.16.0\r\n"
    "Host: 127.0.0.1:15900\r\n"
    "Upgrade: WebSocket\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "openai-observer: {observer}\r\n"
    "authorization: {authorization}\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "\r\n"
)
HEALTH_CHECK = (
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:10003\r\n"
    "Upgrade: WebSocket\r\n"
    "Connection:Upgrade\r\n"
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "authorization: Basic b3BlbmFpOg==\r\n"
    "openai-observer: true\r\n"
    "\r\n"
)


class OriginalClient:
    """The original's session on one connection, in plain bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._sent = 0

    async def upgrade(self, observer: str = "false", password: str = "b3BlbmFpOg==") -> bytes:
        text = UPGRADE.format(observer=observer, authorization=f"Basic {password}")
        self._writer.write(text.encode())
        return await self._reader.readuntil(b"\r\n\r\n")

    def send(self, method: str, body: dict[str, Any], **headers: Any) -> int:
        """One masked text frame; returns the message's number."""
        number = self._sent
        self._sent += 1
        headers |= {"message_id": number, "sent_at": 1480000000.123}
        text = json.dumps({"body": body, "headers": headers, "method": method})
        data = text.replace("/", "\\/").encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 254, len(data))
        self._writer.write(b"\x81" + size + mask + masked)
        return number

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: its operation, and its content."""
        operation, size = await self._reader.readexactly(2)
        assert operation & 0x80, "a message came in pieces"
        assert not operation & 0x70, "an extension was used"
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        return operation & 0x0F, await self._reader.readexactly(size)

    async def hear(self) -> dict[str, Any]:
        """The next message, with what the original looks at without asking whether it is there."""
        operation, data = await self.frame()
        assert operation == 1, data
        message: dict[str, Any] = json.loads(data)
        assert isinstance(message["headers"]["sent_at"], float)
        if message["method"] == "v0.env.describe":
            assert message["body"]["fps"] == 60
            assert int(message["headers"]["episode_id"]) >= 0
        if message["method"] == "v0.env.reward":
            assert set(message["body"]) == {"reward", "done", "info"}
        return message

    async def told(self) -> tuple[str, str | None]:
        message = await self.hear()
        state = message["body"].get("env_state")
        return state or message["method"], message["headers"].get("episode_id")

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class Game:
    """What runs: episode 1, when clients come."""

    def __init__(self) -> None:
        self.server = RewarderServer(env_id="flashgames.DuskDrive-v0", fps=60, on_reset=self.reset)
        self.port = 0

    async def reset(self, message: messages.Message) -> dict[str, Any]:
        episode = max(message.episode, self.server.episode) + 1
        self.server.describe(messages.RESETTING, episode)
        self.server.describe(messages.RUNNING, episode)
        return {}

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[OriginalClient]:
        client = OriginalClient(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield client
        finally:
            await client.close()


@contextlib.asynccontextmanager
async def game() -> AsyncIterator[Game]:
    made = Game()
    made.server.describe(messages.RUNNING, 1)
    made.port = await made.server.start()
    try:
        yield made
    finally:
        await made.server.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


async def begin(client: OriginalClient, port: int) -> None:
    """From the connection to the first reply: what the original always does."""
    assert (await client.upgrade()).startswith(b"HTTP/1.1 101 ")
    assert await client.told() == ("running", "1")
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
    for number in range(10):
        assert client.send("v0.control.ping", {}) == number
        reply = await client.hear()
        assert reply["method"] == "v0.reply.control.ping"
        assert reply["headers"]["parent_message_id"] == number
    asked = {"seed": None, "env_id": "flashgames.DuskDrive-v0", "fps": 60}
    assert client.send("v0.env.reset", asked, episode_id="0") == 10
    assert await client.told() == ("resetting", "2")
    assert await client.told() == ("running", "2")
    reply = await client.hear()
    assert reply["method"] == "v0.reply.env.reset"
    assert reply["headers"]["parent_message_id"] == 10
    assert reply["headers"]["episode_id"] == "2"
    assert reply["headers"]["parent_runtime"] >= 0


def test_connect_calibrate_reset_play_and_reset_again() -> None:
    async def test() -> None:
        async with game() as one, one.client() as client:
            await begin(client, one.port)
            one.server.reward(1.5, done=False, info={})
            one.server.text("hello")
            one.server.reward(2.0, done=True, info={"reason": "over"})
            one.server.describe(messages.RESETTING, 3)
            one.server.describe(messages.RUNNING, 3)
            assert (await client.hear())["body"] == {"reward": 1.5, "done": False, "info": {}}
            text = await client.hear()
            assert (text["method"], text["body"]) == ("v0.env.text", {"text": "hello"})
            last = await client.hear()
            assert (last["body"]["done"], last["headers"]["episode_id"]) == (True, "2")
            assert await client.told() == ("resetting", "3")
            assert await client.told() == ("running", "3")
            # It never learns of episodes: the next reset still says 0.
            client.send("v0.env.reset", {"seed": None, "env_id": None, "fps": 60}, episode_id="0")
            assert await client.told() == ("resetting", "4")
            assert await client.told() == ("running", "4")
            assert (await client.told())[1] == "4"

    run(test())


def test_an_action_of_its_joystick_is_ignored() -> None:
    async def test() -> None:
        async with game() as one, one.client() as client:
            await begin(client, one.port)
            action = {"env_id": "gtav.Winding-v0", "action": [["JoystickAxisXEvent", 0.1]]}
            client.send("v0.agent.action", action)
            client.send("v0.control.ping", {})
            assert (await client.hear())["headers"]["parent_message_id"] == 12

    run(test())


def test_a_health_check_that_vanishes_is_no_client() -> None:
    async def test() -> None:
        async with game() as one:
            reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
            writer.write(HEALTH_CHECK.encode())
            assert await reader.readexactly(1)
            writer.transport.abort()
            async with one.client() as client:
                await begin(client, one.port)

    run(test())


def test_observers_may_listen_ping_and_reset() -> None:
    async def test() -> None:
        async with game() as one, one.client() as client, one.client() as observer:
            await begin(client, one.port)
            await observer.upgrade(observer="true")
            assert await observer.told() == ("running", "2")
            observer.send("v0.control.ping", {})
            assert (await observer.hear())["method"] == "v0.reply.control.ping"
            observer.send("v0.env.reset", {"seed": 1, "env_id": None, "fps": 60}, episode_id="0")
            for each in (client, observer):
                assert await each.told() == ("resetting", "3")
                assert await each.told() == ("running", "3")
            assert (await observer.hear())["method"] == "v0.reply.env.reset"

    run(test())


async def sent_away(client: OriginalClient, says: str) -> None:
    """A close message that names no request, then the WebSocket's close 1000, then the end."""
    message = await client.hear()
    assert message["method"] == "v0.connection.close"
    assert "parent_message_id" not in message["headers"]
    assert says in message["body"]["message"]
    operation, content = await client.frame()
    assert (operation, struct.unpack("!H", content[:2])) == (8, (1000,))
    assert says in content[2:].decode()
    assert len(content) <= 125


def test_a_second_client_is_sent_away_when_it_speaks() -> None:
    async def test() -> None:
        async with game() as one, one.client() as first, one.client() as second:
            await begin(first, one.port)
            await second.upgrade()
            assert await second.told() == ("running", "2")
            second.send("v0.control.ping", {})
            await sent_away(second, "already has an active client")
            first.send("v0.control.ping", {})
            assert (await first.hear())["method"] == "v0.reply.control.ping"

    run(test())


def test_a_wrong_password_is_said_after_the_upgrade() -> None:
    async def test() -> None:
        async with game() as one:
            for password, says in (("d3Jvbmc6", "Invalid password"), ("b3Blb", "Could not parse")):
                async with one.client() as client:
                    assert b" 101 " in await client.upgrade(password=password)
                    await sent_away(client, says)
            assert not one.server.clients

    run(test())

"""A gym-core remote in this process, and who looks, plays and resets it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from reference.small_viewer import CONTINUOUS_UPDATES, FENCE, TIGHT, TIMESTAMP, SmallViewer
from websockets.asyncio.client import connect

from envserver.runtimes.gym_core.game import Game
from envserver.runtimes.gym_core.remote import BARRIER, Remote, RemoteConfig
from workers import rewarder_messages as messages

TIMEOUT_S = 30


class Agent:
    """A viewer and a rewarder client of one remote."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.held: set[int] = set()
        self.resets = self.steps = 0

    async def begin(self) -> None:
        self.viewer = await SmallViewer.connect(self.remote.vnc_port)
        self.viewer.set_encodings(TIGHT, FENCE, CONTINUOUS_UPDATES, TIMESTAMP)
        self.socket = await connect(
            f"ws://127.0.0.1:{self.remote.rewarder_port}/",
            additional_headers={"authorization": messages.authorization("openai")},
        )
        self.described = await self.next()

    async def end(self) -> None:
        await self.viewer.close()
        await self.socket.close()

    async def next(self) -> messages.Message:
        return messages.parse(await self.socket.recv())

    async def send_reset(self, **body: Any) -> None:
        headers = messages.headers(self.resets, time.time(), episode=0)
        self.resets += 1
        await self.socket.send(messages.build(messages.RESET, headers, body))

    async def reset(self, **body: Any) -> messages.Message:
        """Ask and wait for the reply; in step clock for the first picture too."""
        await self.send_reset(**body)
        while not (message := await self.next()).method.startswith("v0.reply"):
            assert message.method in (messages.DESCRIBE, messages.REWARD)
        if body.get("clock") == "step":
            barrier = (BARRIER + self.resets).to_bytes(8, "big")
            self.viewer.fence(barrier)
            await self.viewer.until_fence(barrier)
        return message

    async def step(self, keysyms: list[int]) -> messages.Message:
        wanted = set(keysyms)
        for keysym in self.held - wanted:
            self.viewer.key(keysym, False)
        for keysym in wanted - self.held:
            self.viewer.key(keysym, True)
        self.held = wanted
        self.steps += 1
        number = self.steps.to_bytes(8, "big")
        self.viewer.fence(number)
        await self.viewer.until_fence(number)
        message = await self.next()
        assert message.method == messages.REWARD
        assert message.body["info"]["step"] == self.steps
        return message


@contextlib.asynccontextmanager
async def playing(env_id: str, **config: Any) -> AsyncIterator[Agent]:
    env_kwargs = config.pop("env_kwargs", {})
    settings = RemoteConfig("test", env_id, env_kwargs, **config)
    remote = Remote(settings, Game(env_id, env_kwargs))
    await remote.start()
    agent = Agent(remote)
    try:
        await agent.begin()
        yield agent
        await agent.end()
    finally:
        await remote.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))

"""Tasks that do what a test says, run by a real `TaskRunner`, and a client of their rewarder."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from envserver.rewarder import Desktop, Task
from envserver.rewarder.runner import TaskRunner
from workers import rewarder_messages as messages

TIMEOUT_S = 20.0


class Counting(Task):
    """Rewards what the test puts into `found`; remembers its resets. `made` is the newest."""

    made: "Counting"
    fps = 1000.0

    def __init__(self) -> None:
        type(self).made = self
        Counting.made = self
        self.found: list[Any] = []
        self.resets: list[tuple[int, dict[str, Any]]] = []
        self.setups = self.closes = self.ticks = 0
        self.over = False
        self.in_reset: Callable[[], Any] = lambda: None

    def setup(self) -> None:
        self.setups += 1

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        self.resets.append((seed, options))
        self.over = False
        result = self.in_reset()
        self.say(f"goal {len(self.resets)}")
        return {"level": 1} if result is None else result

    def tick(self) -> Any:
        self.ticks += 1
        found = self.found.pop(0) if self.found else None
        if callable(found):
            return found()
        return found

    def done(self) -> bool:
        return self.over

    def close(self) -> None:
        self.closes += 1


class Gated(Counting):
    """Its resets wait for `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        assert self.gate.wait(TIMEOUT_S)
        return super().reset(seed, options)


class Other(Counting):
    fps = 30.0


class Limited(Counting):
    time_limit_s = 0.05


class Lasting(Counting):
    time_limit_s = 1000.0


class Hasty(Counting):
    tick_timeout_s = 0.1


class Watching(Counting):
    """Watches the home, as tasks do that look for files."""

    fps = 0.01

    def setup(self) -> None:
        super().setup()
        self.tick_on_change(self.desktop.home)


class Fragile(Counting):
    """Its set-up does what a test says."""

    in_setup: Callable[[], Any] = staticmethod(lambda: None)

    def setup(self) -> None:
        self.in_setup()
        super().setup()


class Slow(Counting):
    fps = 0.01


class Unmade(Task):
    def __init__(self) -> None:
        raise RuntimeError("no such luck")


class Odd(Task):
    fps = 0


class Peer:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0

    async def send(self, method: str, body: dict[str, Any]) -> None:
        head = messages.headers(self.sent, time.time(), episode=0)
        self.sent += 1
        await self.socket.send(messages.build(method, head, body))

    async def reset(self, **body: Any) -> messages.Message:
        """Reset; returns the reply, what came before it is dropped."""
        await self.send(messages.RESET, {"seed": None, "env_id": None, "fps": 60, **body})
        while True:
            message = await self.next()
            if message.parent_message_id is not None:
                return message

    async def next(self) -> messages.Message:
        return messages.parse(await self.socket.recv())

    async def told(self) -> tuple[Any, ...]:
        message = await self.next()
        body = message.body
        if message.method == messages.DESCRIBE:
            return body["env_state"], message.episode
        if message.method == messages.TEXT:
            return body["text"], message.episode
        if message.method == messages.REWARD:
            return body["reward"], body["done"], body["info"], message.episode
        return message.method, message.episode


class Running:
    def __init__(self, runner: TaskRunner, port: int) -> None:
        self.runner, self.port = runner, port

    @property
    def task(self) -> Counting:
        return Counting.made

    async def call(self, function: Callable[[], Any]) -> Any:
        """Change the task between ticks."""
        async with self.runner._lock:
            return function()

    @contextlib.asynccontextmanager
    async def peer(self, *, observer: bool = False) -> AsyncIterator[Peer]:
        headers = {"authorization": messages.authorization("openai")}
        if observer:
            headers["openai-observer"] = "true"
        uri = f"ws://127.0.0.1:{self.port}/"
        async with connect(uri, additional_headers=headers, compression=None) as socket:
            yield Peer(socket)


@contextlib.asynccontextmanager
async def running(
    name: str = "Counting", env_id: str | None = None, time_limit_s: float | None = None
) -> AsyncIterator[Running]:
    desktop = Desktop()
    runner = TaskRunner(f"{__name__}:{name}", env_id, "openai", desktop, time_limit_s=time_limit_s)
    await runner.set_up()
    port = await runner.server.start()
    task = asyncio.create_task(runner.run())
    try:
        yield Running(runner, port)
    finally:
        task.cancel()
        await runner.close()
        desktop.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))

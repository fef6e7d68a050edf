"""Vectorized environments whose steps a test wrote down, and a remote that talks."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from envserver.rewarder.server import RewarderServer
from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.server import RfbServer
from envserver.universe import registry, vectorized
from workers import rewarder_messages as messages

PICTURE = {"vision": np.arange(768 * 1024 * 3, dtype=np.uint8).reshape(768, 1024, 3), "text": []}
Step = tuple[Any, float, bool]


class WrittenEnv(vectorized.Env):
    """Environments that do what was written down, step by step; the last step goes on for ever.

    Args:
        steps: For each step, (observation, reward, done) for each environment.
        env_id: What its `spec` says.
    """

    def __init__(
        self, steps: Sequence[Sequence[Step]], env_id: str = "flashgames.DuskDrive-v0"
    ) -> None:
        self.metadata = {
            "runtime.vectorized": True,
            "semantics.autoreset": True,
            "video.frames_per_second": 60,
        }
        self.spec = registry.spec(env_id)
        self.n = len(steps[0])
        self.actions: list[Any] = []
        self.resets = 0
        self.restarted: list[int] = []
        self.configured: dict[str, Any] = {}
        self.infos: list[dict[str, Any]] = []
        self._steps = steps

    def _configure(self, *args: Any, **kwargs: Any) -> None:
        self.configured = kwargs

    def _reset(self) -> Any:
        self.resets += 1
        return [None] * len(self._steps[0])

    def restart(self, envs: Sequence[int]) -> None:
        self.restarted += envs

    def _step(self, action: Any) -> Any:
        step = self._steps[min(len(self.actions), len(self._steps) - 1)]
        self.actions.append(action)
        infos = [{"stats.reward.count": 1} for _ in step]
        for info, more in zip(infos, self.infos, strict=False):
            info.update(more)
        observations, rewards, dones = ([each[i] for each in step] for i in range(3))
        return observations, rewards, dones, {"n": infos}


class TalkingRemote:
    """A remote in a thread whose rewarder sends texts and rewards as a test tells it.

    Attributes:
        address: As `remotes=` takes it.
        keys: (keysym, down) as they came.
    """

    def __init__(self, *, rewarder: bool = True) -> None:
        self.keys: list[tuple[int, bool]] = []
        self.resets: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._canvas = Canvas((320, 240), (30, 40, 3))
        self._canvas.show(np.full((30, 40, 3), 200, np.uint8), "hello")
        self._rfb = RfbServer(self._canvas, "talking", on_key=self._on_key)
        self._rewarder = RewarderServer(env_id="talking", fps=60, on_reset=self._on_reset)
        self._rewarder.describe(messages.RUNNING, 1)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._run(self._rfb.start())}"
        if rewarder:
            self.address += f"+{self._run(self._rewarder.start())}"

    def say(self, text: str) -> None:
        """Send a text to every client."""
        self._loop.call_soon_threadsafe(self._send, messages.TEXT, {"text": text})

    def reward(self, reward: float, done: bool = False) -> None:
        """Send a reward to every client; after done the next episode runs."""
        body = {"reward": reward, "done": done, "info": {}}
        self._loop.call_soon_threadsafe(self._send, messages.REWARD, body)
        if done:
            self._loop.call_soon_threadsafe(self._next)

    def close(self) -> None:
        async def close() -> None:
            self._rfb.close()
            await self._rewarder.close()

        self._run(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _on_key(self, keysym: int, down: bool) -> None:
        self.keys.append((keysym, down))

    async def _on_reset(self, message: messages.Message) -> dict[str, Any]:
        self.resets.append(message.body)
        self._next()
        return {}

    def _next(self) -> None:
        episode = self._rewarder.episode + 1
        self._rewarder.describe(messages.RESETTING, episode)
        self._rewarder.describe(messages.RUNNING, episode)

    def _send(self, method: str, body: dict[str, Any]) -> None:
        for client in list(self._rewarder.clients):
            client.send(method, body, episode=self._rewarder.episode)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

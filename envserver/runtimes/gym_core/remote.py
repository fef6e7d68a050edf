"""One remote: a game, its desktop and its rewarder, in one asyncio loop.  [I/O]

Theory of operation. In real time the environment steps at its fps, by the keys held at the tick,
and an episode that ends is followed by the next one. In step clock (a reset that says so) it stands
still until a viewer's Fence of 8 bytes asks for one step, or for the barrier after a reset
(ARCHITECTURE, "The step clock on the wire"); such a Fence counts as a request for the whole screen.
Fences that come during a reset wait.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.server import ServerConnection

from envserver.rewarder.server import Client, ResetRefused, RewarderServer
from envserver.runtimes.gym_core import game as games
from envserver.runtimes.gym_core import rfb
from envserver.runtimes.gym_core.actions import HeldKeys
from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.errors import GymCoreError
from envserver.runtimes.gym_core.game import Game, Step
from envserver.runtimes.gym_core.misbehave import JUNK, Misbehaviour
from envserver.runtimes.gym_core.server import RfbServer
from envserver.runtimes.gym_core.ticker import Ticker
from envserver.runtimes.gym_core.viewer import Viewer
from workers import rewarder_messages as messages

logger = logging.getLogger(__name__)

STEP_FENCE_FLAGS = rfb.FENCE_REQUEST | rfb.FENCE_BLOCK_BEFORE
STEP_FENCE_BYTES = 8
BARRIER = 1 << 63
"""Payloads from here on are barriers after a reset; below are step numbers."""


@dataclasses.dataclass(frozen=True)
class RemoteConfig:
    """What a remote is started with."""

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fps: float = 60.0
    screen: tuple[int, int] | None = (1024, 768)
    """Width and height in pixels; None for the frame's own size."""
    password: str | None = dataclasses.field(default=None, repr=False)
    """For VncAuth; None lets every viewer in."""
    rewarder_password: str = dataclasses.field(default="openai", repr=False)
    host: str = "127.0.0.1"
    vnc_port: int = 0
    rewarder_port: int = 0
    rfb_version: str = "3.8"
    misbehaviour: Misbehaviour = dataclasses.field(default_factory=Misbehaviour)


class Remote:
    """A running remote.

    Args:
        config: See there.
        game: The environment of `config.env_id`, in its first episode.

    Raises:
        GymCoreError: the frame does not fit the screen.
    """

    def __init__(self, config: RemoteConfig, game: Game) -> None:
        self.config = config
        self.vnc_port = self.rewarder_port = 0
        self.failed: asyncio.Future[GymCoreError] = asyncio.get_running_loop().create_future()
        """Done when the environment raised: nothing runs any more."""
        self._game = game
        self._keys = HeldKeys(game.actions)
        self._canvas = Canvas(config.screen, game.frame.shape)
        self._clock = "real"
        self._steps, self._return = 0, 0.0
        self._is_over = False
        self._waiting: list[tuple[Viewer, rfb.Fence]] = []
        self._reset_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker = Ticker(config.fps, self._tick)
        self._rfb = RfbServer(
            self._canvas,
            f"envserver {config.env_id}",
            on_key=self._key,
            on_fence=self._fence,
            on_viewers=self._run_if_watched,
            password=config.password,
            version=config.rfb_version,
            misbehaviour=config.misbehaviour,
        )
        self._rewarder = _Rewarder(
            config.misbehaviour,
            env_id=config.env_id,
            fps=config.fps,
            on_reset=self._requested_reset,
            password=config.rewarder_password,
            on_clients=self._run_if_watched,
        )

    async def start(self) -> None:
        """Listen on both ports and run the first episode."""
        self._draw()
        self._rewarder.describe(messages.RUNNING, 1)
        self.vnc_port = await self._rfb.start(self.config.host, self.config.vnc_port)
        self.rewarder_port = await self._rewarder.start(self.config.host, self.config.rewarder_port)

    async def close(self) -> None:
        """Close every connection and the environment."""
        self._ticker.close()
        for task in self._tasks:
            task.cancel()
        self._rfb.close()
        await self._rewarder.close()
        self._game.close()

    def describe(self) -> dict[str, Any]:
        """See `Game.describe`; and `screen`, the desktop's width and height."""
        size = [self._canvas.width, self._canvas.height]
        return {**self._game.describe(self.config.fps), "screen": size}

    def misbehave(self, misbehaviour: Misbehaviour) -> None:
        self.config.misbehaviour.become(misbehaviour)

    @property
    def _is_resetting(self) -> bool:
        return self._rewarder.env_state == messages.RESETTING

    def _run_if_watched(self) -> None:
        """Nobody watches: time stands still, and costs nothing."""
        watched = bool(self._rfb.viewers or self._rewarder.clients)
        if watched and self._clock == "real" and not self.failed.done():
            self._ticker.start()
        else:
            self._ticker.stop()

    def _key(self, keysym: int, down: bool) -> None:
        if down:
            self._keys.press(keysym)
        else:
            self._keys.release(keysym)

    def _tick(self, missed: int) -> None:
        if self._is_resetting or self._is_over:
            return
        step = self._step(with_taps=True)
        if step is None:
            return
        self._rfb.damage(self._draw())
        done = step.terminated or step.truncated
        if done:
            ended = {"terminated": step.terminated, "truncated": step.truncated}
            self._rewarder.reward(step.reward, done=True, info={**step.info, **ended})
            task = asyncio.ensure_future(self._autoreset(self._rewarder.episode))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif step.reward:
            self._rewarder.reward(step.reward, done=False, info=step.info)

    def _fence(self, viewer: Viewer, asked: rfb.Fence) -> bool:
        if self._clock != "step" or asked.flags != STEP_FENCE_FLAGS:
            return False
        if len(asked.payload) != STEP_FENCE_BYTES or self.failed.done():
            return False
        if self._is_resetting:
            self._waiting.append((viewer, asked))
        else:
            self._answer(viewer, asked)
        return True

    def _answer(self, viewer: Viewer, asked: rfb.Fence) -> None:
        number = int.from_bytes(asked.payload, "big")
        if number < BARRIER:
            told: dict[str, Any] = {"step": number, "terminated": False, "truncated": False}
            if self._is_over:
                told["ignored"] = "the episode is over"
                self._rewarder.reward(0.0, done=False, info=told)
            else:
                step = self._step(with_taps=False)
                if step is None:
                    return
                told.update(terminated=step.terminated, truncated=step.truncated)
                done = step.terminated or step.truncated
                self._rewarder.reward(step.reward, done=done, info={**step.info, **told})
                self._rfb.damage(self._draw())
        viewer.flush(forced=True)
        viewer.send(rfb.fence_reply(asked))

    def _step(self, *, with_taps: bool) -> Step | None:
        try:
            step = self._game.step(self._keys.action(with_taps=with_taps))
        except GymCoreError as error:
            self._fail(error)
            return None
        self._steps += 1
        self._return += step.reward
        self._is_over = step.terminated or step.truncated
        return step

    def _draw(self) -> list[Rect]:
        # The step's number makes every frame another picture.
        text = (
            f" step {self._steps}  episode {max(1, self._rewarder.episode)}  "
            f"reward {self._return:g}  {self.config.env_id}"
        )
        return self._canvas.show(self._game.frame, text)

    async def _autoreset(self, ended: int) -> None:
        async with self._reset_lock:
            # A client's reset may have come first.
            if self._rewarder.episode == ended:
                with contextlib.suppress(ResetRefused):  # then `failed` has the error
                    await self._next_episode(ended + 1, None, None)

    async def _requested_reset(self, message: messages.Message) -> dict[str, Any]:
        body = message.body
        async with self._reset_lock:
            self._switch_to(body.get("env_id"))
            self._clock = body.get("clock") or "real"
            episode = max(message.episode, self._rewarder.episode) + 1
            info = await self._next_episode(episode, body.get("seed"), body.get("options"))
        return {"info": info}

    async def _next_episode(
        self, episode: int, seed: int | None, options: dict[str, Any] | None
    ) -> dict[str, Any]:
        self._rewarder.describe(messages.RESETTING, episode)
        if self.config.misbehaviour.reset_delay_s:
            await asyncio.sleep(self.config.misbehaviour.reset_delay_s)
        refused: GymCoreError | None = None
        info: dict[str, Any] = {}
        try:
            info = self._game.reset(seed, options)
        except GymCoreError as error:
            refused = error
            try:
                self._game.reset()
            except GymCoreError as broken:
                self._fail(broken)
                raise ResetRefused(str(broken)) from broken
        self._steps, self._return, self._is_over = 0, 0.0, False
        self._keys.action(with_taps=True)
        # The picture first: whoever hears that the episode runs may look at once.
        self._rfb.damage(self._draw())
        self._rewarder.describe(messages.RUNNING, episode)
        self._run_if_watched()
        waiting, self._waiting = self._waiting, []
        for viewer, asked in waiting:
            if viewer in self._rfb.viewers:
                self._answer(viewer, asked)
        if refused is not None:
            raise ResetRefused(str(refused)) from refused
        return info

    def _switch_to(self, env_id: str | None) -> None:
        """Host another environment.

        Raises:
            ResetRefused: there is none, or it does not fit; nothing has changed.
        """
        if env_id is None or games.gym_id(env_id) == self._game.gym_id:
            return
        if not games.may_switch_to(env_id):
            raise ResetRefused(f"unknown environment {env_id!r:.100}")
        try:
            made = Game(env_id, self.config.env_kwargs)
            self._canvas.check(made.frame.shape)
        except GymCoreError as error:
            raise ResetRefused(str(error)) from error
        self._game.close()
        self._game, self._keys = made, HeldKeys(made.actions)
        self._rewarder.env_id = env_id

    def _fail(self, error: GymCoreError) -> None:
        logger.error("%s: %s", self.config.name, error)
        self._ticker.stop()
        if not self.failed.done():
            self.failed.set_result(error)


class _Rewarder(RewarderServer):
    """A rewarder that does what `Misbehaviour` says."""

    def __init__(self, misbehaviour: Misbehaviour, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._misbehaviour = misbehaviour

    def make_client(self, connection: ServerConnection, *, is_observer: bool) -> Client:
        return _Client(self._misbehaviour, connection, is_observer=is_observer)


class _Client(Client):
    def __init__(
        self, misbehaviour: Misbehaviour, connection: ServerConnection, *, is_observer: bool
    ) -> None:
        super().__init__(connection, is_observer=is_observer)
        self._misbehaviour = misbehaviour

    def write(self, text: str) -> None:
        kind = self._misbehaviour.rewarder
        if not kind or self.sent <= self._misbehaviour.after_messages:
            super().write(text)
        elif kind == "junk":
            for junk in JUNK:
                super().write(junk)
        elif kind == "drop":
            self.connection.transport.abort()

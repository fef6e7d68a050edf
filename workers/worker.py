"""One worker: keeps its remote connected, carries out resets, and feeds the hot thread.

Theory of operation. Few asyncio tasks in the main thread: one reads the broker's messages, one
keeps the VNC connection alive, one the rewarder's, one carries out resets one after the other.
Whatever happened is posted to the hot thread (`workers.hot`), which does the steps and never waits
for this thread; what it posts comes in by its eventfd.
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from typing import Any

from shm.layout import INFO_BYTES
from shm.view import Mapping
from workers.connection import BackOff, connect
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused
from workers.hot import HotLoop
from workers.mail import Letter
from workers.messages import MessageReader, WorkerConfig, pack
from workers.rewarder import Rewarder
from workers.rfb_source import RFBSource
from workers.source import ScreenSource
from workers.synthetic import SyntheticSource

logger = logging.getLogger(__name__)

MAILBOX_FULL_PAUSE_S = 0.001
REWARDER_GREETS_S = 1.0
OPTIONS_TIMEOUT_S = 10.0
LARGE_INFOS_KEPT = 64


class Worker:
    """Everything of one worker but its hot thread's loop."""

    def __init__(
        self,
        config: WorkerConfig,
        hot: HotLoop,
        mapping: Mapping,
        control: asyncio.StreamWriter,
    ) -> None:
        self._config = config
        self._hot = hot
        self._mapping = mapping
        self._control = control
        self._rewarder: Rewarder | None = None
        self._screen_ready = asyncio.Event()
        self._rewarder_ready = asyncio.Event()
        self._screen_broken = asyncio.Event()
        self._connection: socket.socket | None = None
        self._told_ready = False
        self._resets: asyncio.Queue[int] = asyncio.Queue()
        self._reset_options: dict[int, dict[str, Any]] = {}
        self._options_came = asyncio.Event()
        self._large_infos: dict[int, bytes] = {}
        self._large_infos_made = 0
        self._episode = hot.last_episode
        if not config.rewarder_port:
            self._rewarder_ready.set()
        if not config.vnc_port:
            self._screen_ready.set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Work until the broker closes the control socket."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._hot.main_bell, self._read_letters)
        thread = threading.Thread(
            target=self._hot.run, args=(ScreenSource(),), name="hot", daemon=True
        )
        thread.start()
        tasks = [asyncio.create_task(self._serve_resets())]
        if self._config.source == "synthetic":
            sizes = self._mapping.sizes
            assert self._hot.switch(SyntheticSource(sizes["width"], sizes["height"]))
        elif self._config.vnc_port:
            tasks.append(asyncio.create_task(self._keep_screen()))
        if self._config.rewarder_port:
            tasks.append(asyncio.create_task(self._keep_rewarder()))
        tasks.append(asyncio.create_task(self._tell_ready()))
        orders = asyncio.create_task(self._read_orders(reader))
        try:
            done, _ = await asyncio.wait([orders, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is not None:
                    if not isinstance(error, RemoteUnusable):
                        raise error
                    await self._send("failed", fault=int(error.fault), message=str(error))
        finally:
            for task in [orders, *tasks]:
                task.cancel()
            await asyncio.gather(orders, *tasks, return_exceptions=True)
            self._hot.post(Letter.STOP)
            await loop.run_in_executor(None, thread.join, 2.0)
            if self._connection is not None and not thread.is_alive():
                self._connection.close()
            if self._rewarder is not None:
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(self._rewarder.close(), 1.0)

    # The broker.

    async def _send(self, kind: str, **fields: Any) -> None:
        self._control.write(pack(kind, **fields))
        with contextlib.suppress(ConnectionError):
            await self._control.drain()

    async def _read_orders(self, reader: asyncio.StreamReader) -> None:
        messages = MessageReader()
        while data := await reader.read(65536):
            for message in messages.feed(data):
                if message["type"] == "reset":
                    self._reset_options[message["id"]] = message
                    self._options_came.set()
                elif message["type"] == "close":
                    return

    async def _tell_ready(self) -> None:
        await self._screen_ready.wait()
        await self._rewarder_ready.wait()
        self._told_ready = True
        await self._post(Letter.READY)
        await self._send("ready")
        logger.info("%s is ready", self._config.name)
        await asyncio.Event().wait()

    # The hot thread.

    async def _post(self, kind: Letter, number: int = 0, episode: int = -1) -> None:
        while not self._hot.post(kind, number, episode):
            await asyncio.sleep(MAILBOX_FULL_PAUSE_S)

    def _read_letters(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._hot.main_bell)
        for kind, number, episode in self._hot.letters():
            if kind == Letter.PICTURE:
                self._screen_ready.set()
            elif kind == Letter.BROKEN:
                self._screen_broken.set()
            elif kind == Letter.RESET_WANTED:
                self._resets.put_nowait(number)
            elif kind == Letter.INFO_PUBLISHED and episode in self._large_infos:
                info = self._large_infos.pop(episode)
                self._control.write(pack("info", step=number, data=info))

    async def _lost(self, error: RemoteUnusable) -> None:
        logger.warning("%s", error)
        # The broker first: it is asked for the cause as soon as the row is out.
        await self._send("fault", fault=int(error.fault), message=str(error))
        await self._post(Letter.LOST, int(error.fault))

    # The VNC server.

    async def _keep_screen(self) -> None:
        deadline_s: float | None = time.monotonic() + self._config.start_timeout_s
        back_off = BackOff()
        known: RemoteUnusable | None = None
        while True:
            try:
                connection, protocol = await connect(self._config, deadline_s)
            except RemoteUnusable as unusable:
                raise known or unusable from unusable  # a whole connection showed more
            self._connection = connection
            source = RFBSource(protocol, connection.fileno(), self._config.fps)
            self._screen_broken.clear()
            while not self._hot.switch(source):
                await asyncio.sleep(MAILBOX_FULL_PAUSE_S)
            back_off.begin()
            why = await self._watch_screen(source, deadline_s)
            # The hot thread lets go of a broken source before it says so.
            connection.close()
            self._connection = None
            error = self._unusable(source, why)
            if deadline_s is not None and not self._screen_ready.is_set():
                if source.broke_protocol or time.monotonic() >= deadline_s:
                    raise error
                known = error
                logger.debug("%s", error)
            else:
                deadline_s = None
                self._screen_ready.clear()
                await self._lost(error)
            await back_off.pause()

    async def _watch_screen(self, source: RFBSource, deadline_s: float | None) -> str:
        """Wait until the source is broken, and say why; without a picture in time it is made so."""
        if deadline_s is None:
            deadline_s = time.monotonic() + self._config.start_timeout_s
        broken = asyncio.create_task(self._screen_broken.wait())
        pictured = asyncio.create_task(self._screen_ready.wait())
        left_s = max(deadline_s - time.monotonic(), 0)
        try:
            await asyncio.wait(
                [broken, pictured], timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            why = ""
            if not broken.done() and not pictured.done():
                why = "it sent no picture"
            elif self._config.clock == "step" and not source.protocol.fence_supported:
                why = "clock='step' needs the Fence extension, which it lacks"
                self._screen_ready.clear()
            if why and self._connection is not None:
                self._connection.shutdown(socket.SHUT_RDWR)
            await broken
            return why or source.why()
        finally:
            broken.cancel()
            pictured.cancel()

    def _unusable(self, source: RFBSource, why: str) -> RemoteUnusable:
        config = self._config
        fault = Fault.PROTOCOL_ERROR if source.broke_protocol else Fault.CONNECTION_LOST
        return RemoteUnusable(
            fault, f"{config.name}: VNC server {config.vnc_host}:{config.vnc_port}: {why}"
        )

    # The rewarder.

    async def _keep_rewarder(self) -> None:
        deadline_s = time.monotonic() + self._config.start_timeout_s
        back_off = BackOff()
        while True:
            rewarder = Rewarder(
                self._config, self._episode + 1, self._take_reward, self._take_episode
            )
            back_off.begin()
            try:
                await rewarder.connect()
                await self._use_rewarder(rewarder, deadline_s)
            except RemoteUnusable as error:
                if self._rewarder_ready.is_set():
                    self._rewarder_ready.clear()
                    await self._lost(error)
                elif not self._told_ready and (
                    error.hopeless
                    or error.fault == Fault.AUTHENTICATION
                    or time.monotonic() >= deadline_s
                ):
                    raise
                else:
                    logger.debug("%s", error)
            await back_off.pause()

    async def _use_rewarder(self, rewarder: Rewarder, deadline_s: float) -> None:
        """Serve one connection; it is ready when the rewarder has said something."""
        serving = asyncio.create_task(rewarder.serve())
        heard = asyncio.create_task(rewarder.heard.wait())
        left_s = max(deadline_s - time.monotonic(), REWARDER_GREETS_S)
        try:
            await asyncio.wait(
                [serving, heard], timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if heard.done():
                self._rewarder = rewarder
                self._rewarder_ready.set()
            elif not serving.done():
                await rewarder.close()
            await serving
        finally:
            heard.cancel()
            serving.cancel()

    # Both post from inside the event loop: a full mailbox is emptied within microseconds, since its
    # reader never waits for this thread.

    def _take_reward(
        self,
        step: int,
        episode: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        remote_ns: int,
        info: bytes,
    ) -> None:
        large_info = 0
        if len(info) > INFO_BYTES:
            self._large_infos_made += 1
            large_info = self._large_infos_made
            self._large_infos[large_info] = info
            self._large_infos.pop(large_info - LARGE_INFOS_KEPT, None)
        self._episode = max(self._episode, episode)
        while not self._hot.post_reward(
            Letter.REWARD, step, episode, reward, terminated, truncated, remote_ns, info, large_info
        ):
            time.sleep(MAILBOX_FULL_PAUSE_S)

    def _take_episode(self, reset_id: int, episode: int, running: bool) -> None:
        self._episode = max(self._episode, episode)
        letter = Letter.RUNNING if running else Letter.REMOTE_RESETS
        while not self._hot.post(letter, reset_id, episode):
            time.sleep(MAILBOX_FULL_PAUSE_S)

    # Resets.

    async def _serve_resets(self) -> None:
        """Carry out resets in order; one that fails is tried again until another is wanted."""
        while True:
            reset_id = await self._resets.get()
            back_off = BackOff()
            while self._resets.empty():
                try:
                    await self._reset(reset_id)
                    break
                except (RemoteUnusable, ResetRefused) as error:
                    logger.warning("%s: reset: %s", self._config.name, error)
                    fault = error.fault if isinstance(error, RemoteUnusable) else Fault.RESET_FAILED
                    await self._send(
                        "fault", fault=int(fault), message=f"{self._config.name}: reset: {error}"
                    )
                    await self._post(Letter.LOST, int(fault))
                    if reset_id and isinstance(error, ResetRefused):
                        break  # it would be refused again
                await back_off.pause()

    async def _reset(self, reset_id: int) -> None:
        await self._screen_ready.wait()
        await self._rewarder_ready.wait()
        options = await self._options_of(reset_id) if reset_id else {}
        if self._rewarder is None:
            self._episode += 1
            await self._post(Letter.RUNNING, reset_id, self._episode)
            return
        await self._rewarder.reset(
            reset_id, options.get("seed"), options.get("env_id"), options.get("options") or {}
        )

    async def _options_of(self, reset_id: int) -> dict[str, Any]:
        try:
            async with asyncio.timeout(OPTIONS_TIMEOUT_S):
                while reset_id not in self._reset_options:
                    self._options_came.clear()
                    await self._options_came.wait()
        except TimeoutError as error:
            raise ResetRefused("the daemon did not say with which seed and options") from error
        options = self._reset_options[reset_id]
        self._reset_options = {
            number: kept for number, kept in self._reset_options.items() if number >= reset_id
        }
        return options

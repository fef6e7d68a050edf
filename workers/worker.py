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
from typing import TYPE_CHECKING, Any

from workers.connection import BackOff, broken, connect
from workers.desk import Desk
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused
from workers.hot import HotLoop
from workers.mail import Letter
from workers.messages import MessageReader, WorkerConfig, pack, with_remote
from workers.reporter import MAILBOX_FULL_PAUSE_S, Reporter
from workers.reset_options import ResetOptions
from workers.rfb_source import RFBSource
from workers.silence import silence_of
from workers.source import ScreenSource
from workers.synthetic import SyntheticSource

if TYPE_CHECKING:
    from workers.rewarder import Rewarder

logger = logging.getLogger(__name__)


class Worker(Reporter):
    """Everything of one worker but its hot thread's loop."""

    def __init__(self, config: WorkerConfig, hot: HotLoop, control: asyncio.StreamWriter) -> None:
        super().__init__(hot, control)
        self._config = config
        self._rewarder: Rewarder | None = None
        self._screen_ready = asyncio.Event()
        self._screen_broken = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._moved = asyncio.Event()
        self._sockets: list[socket.socket] = []
        self._left: set[asyncio.Task[None]] = set()
        self._told_ready = False
        self._resets: asyncio.Queue[int] = asyncio.Queue()
        self._options = ResetOptions()
        self._desk = Desk(self._post, self._send)
        self._env_id = config.env_id
        self._expect_connections()

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
            assert self._hot.switch(SyntheticSource(*self._hot.screen))
        elif not self._config.vnc_port:
            self._hot.switch(ScreenSource())
        tasks.append(asyncio.create_task(self._stay_connected()))
        orders = asyncio.create_task(self._read_orders(reader))
        try:
            done, _ = await asyncio.wait([orders, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is not None:
                    if not isinstance(error, RemoteUnusable):
                        raise error
                    await self._send("failed", fault=int(error.fault), message=str(error))
        finally:
            tasks += [orders, *self._left]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._hot.post(Letter.STOP)
            await loop.run_in_executor(None, thread.join, 2.0)
            if not thread.is_alive():
                for connection in self._sockets:
                    connection.close()
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
                    self._options.came(message)
                elif message["type"] == "remote":
                    self._config = with_remote(self._config, message)
                    self._expect_connections()
                    self._moved.set()
                elif message["type"] == "ask":
                    self._desk.asked(message)
                elif message["type"] == "close":
                    return

    def _expect_connections(self) -> None:
        """Take nothing for ready that is still to be connected."""
        self._told_ready = False
        self._disconnected.clear()
        for ready, port in (
            (self._screen_ready, self._config.vnc_port),
            (self._rewarder_ready, self._config.rewarder_port),
        ):
            ready.clear() if port else ready.set()

    async def _stay_connected(self) -> None:
        """Keep both connections; begin anew with each remote that the broker names.

        What is left need not have ended before: the sources' sockets stay open until the next
        picture (`_keep_screen`), and a rewarder may take long to say goodbye.
        """
        while True:
            links = [asyncio.create_task(each) for each in (self._tell_ready(), self._mind_loss())]
            if self._config.vnc_port and self._config.source == "rfb":
                links.append(asyncio.create_task(self._keep_screen()))
            if self._config.rewarder_port:
                links.append(asyncio.create_task(self._keep_rewarder()))
            moved = asyncio.create_task(self._moved.wait())
            try:
                await asyncio.wait([moved, *links], return_when=asyncio.FIRST_COMPLETED)
                for link in links:
                    if link.done():
                        link.result()
            finally:
                for task in (moved, *links):
                    task.cancel()
                self._left.update(links)
            self._left = {task for task in self._left if not task.done()}
            self._moved.clear()
            self._expect_connections()

    async def _tell_ready(self) -> None:
        await self._screen_ready.wait()
        if not self._rewarder_ready.is_set():
            self._await("the rewarder, which first sets up its task")
        await self._rewarder_ready.wait()
        self._told_ready = True
        await self._post(Letter.READY)
        await self._send("ready")
        logger.info("%s is ready", self._config.name)
        await asyncio.Event().wait()

    async def _mind_loss(self) -> None:
        """Give up a remote that is not back soon: one of the broker's own is then replaced."""
        limit_s = 2 * self._config.step_timeout_s
        while True:
            await self._disconnected.wait()
            self._disconnected.clear()
            try:
                async with asyncio.timeout(limit_s):
                    await self._screen_ready.wait()
                    await self._rewarder_ready.wait()
            except TimeoutError:
                server = "rewarder" if self._screen_ready.is_set() else "VNC server"
                await self._unreachable(f"its {server} did not come back within {limit_s:g} s")
                self._disconnected.set()

    async def _unreachable(self, why: str) -> None:
        await self._send("unreachable", name=self._config.name, message=why)

    def _await(self, what: str) -> None:
        """Say what is waited for, in case it does not come."""
        self._control.write(pack("awaits", what=what))

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
            elif kind == Letter.EXCHANGED:
                self._desk.exchanged()
            elif kind == Letter.COPIED:
                self._desk.copied(number)
            elif kind == Letter.INFO_PUBLISHED:
                self._control.write(pack("info", step=number, data=self._infos.take(episode)))

    async def _lost(self, error: RemoteUnusable) -> None:
        logger.warning("%s", error)
        self._disconnected.set()
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
            self._sockets.append(connection)
            source = RFBSource(protocol, connection.fileno(), self._config.fps)
            self._screen_broken.clear()
            while not self._hot.switch(source):
                await asyncio.sleep(MAILBOX_FULL_PAUSE_S)
            self._desk.connected(source)
            back_off.begin()
            why = await self._watch_screen(source, connection, deadline_s)
            # The hot thread lets go of a broken source before it says so.
            self._sockets.remove(connection)
            connection.close()
            error = broken(self._config, source.broke_protocol, why)
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

    async def _watch_screen(
        self, source: RFBSource, connection: socket.socket, deadline_s: float | None
    ) -> str:
        """Wait until the source is broken, and say why; without a picture in time it is made so."""
        if deadline_s is None:
            deadline_s = time.monotonic() + self._config.start_timeout_s
        silence: asyncio.Task[str] | None = None
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
            if why:
                connection.shutdown(socket.SHUT_RDWR)
            elif pictured.done():
                # The hot thread shows this source: it is done with those before.
                for other in self._sockets[:-1]:
                    other.close()
                del self._sockets[:-1]
            patience_s = self._config.step_timeout_s
            silence = asyncio.create_task(silence_of(source, patience_s, self._resetting))
            await asyncio.wait([broken, silence], return_when=asyncio.FIRST_COMPLETED)
            if silence.done() and not broken.done():
                why = silence.result()
                connection.shutdown(socket.SHUT_RDWR)
                await broken
            return why or source.why()
        finally:
            for task in filter(None, (broken, pictured, silence)):
                task.cancel()

    def _resetting(self) -> bool:
        return self._rewarder is not None and self._rewarder.resetting

    # The rewarder.

    async def _keep_rewarder(self) -> None:
        # Not at the top: with all that it imports it is half of a worker's start.
        from workers.rewarder import Rewarder

        deadline_s = time.monotonic() + self._config.start_timeout_s
        back_off = BackOff()
        while True:
            rewarder = Rewarder(self._config, self._episode + 1, self)
            back_off.begin()
            try:
                await rewarder.connect()
                self._rewarder = rewarder
                await rewarder.serve()
            except RemoteUnusable as error:
                if self._rewarder_ready.is_set():
                    self._rewarder_ready.clear()
                    await self._lost(error)
                too_late = not self._told_ready and time.monotonic() >= deadline_s
                if error.final or too_late:
                    raise
                logger.debug("%s", error)
            await back_off.pause()

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
                    if fault is Fault.RESET_FAILED and isinstance(error, RemoteUnusable):
                        await self._unreachable(str(error))
                await back_off.pause()

    async def _reset(self, reset_id: int) -> None:
        # The options first: with them may come another remote.
        options = await self._options.of(reset_id) if reset_id else {}
        await self._screen_ready.wait()
        await self._rewarder_ready.wait()
        if self._rewarder is None:
            self._episode += 1
            self._await("the first picture of the episode")
            await self._post(Letter.RUNNING, reset_id, self._episode)
            return
        env_id = options.get("env_id") or self._env_id
        self._await("the rewarder's answer to the reset")
        await self._rewarder.reset(
            reset_id, options.get("seed"), env_id, options.get("options") or {}
        )
        self._await("the first picture of the episode")
        if env_id != self._env_id:
            self._env_id = env_id
            await self._send("switched", env_id=env_id)

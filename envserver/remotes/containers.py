"""Containers as remotes: made, watched and removed through the Docker engine.  [I/O]

Theory of operation: docker-py blocks, so its calls run in a pool of threads. Two kinds of threads
live longer: one a session follows the engine's events and so learns of every container's end; one a
container copies what it prints into the remote's log. Both end with their stream. A container is
made with labels that say whose it is (envserver/remotes/engine.py), so that whatever ends the
daemon, the next one finds and removes it. The engine picks the ports.
"""

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from envserver.container_options import container_options, with_cpus
from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.base import Remote, RemoteAddress
from envserver.remotes.container_command import (
    ContainerCommand,
    container_command,
    docker_run_line,
)
from envserver.remotes.container_making import Passwords, endpoint, make, start
from envserver.remotes.container_remote import (
    DESCRIBE_MARK,
    ContainerRemote,
    closed_at_end,
    copy_log,
    how_it_ended,
)
from envserver.remotes.engine import Engine
from envserver.remotes.health import wait_rewarder, wait_vnc
from envserver.remotes.images import Image, ensure_image, image_name
from envserver.spec import SessionSpec

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
HUNG_UP = "the Docker engine hung up"

Result = TypeVar("Result")
Say = Callable[[int, str], None]


class DockerRemotes:
    """The containers of one session.

    Args:
        logs: where what they print goes.
        say, labels: as in `create_provider`.

    Attributes:
        session: what its containers' label says, as `envserver status` names it.
    """

    def __init__(
        self, spec: SessionSpec, logs: Path, say: Say, labels: Mapping[str, str] | None = None
    ) -> None:
        self._spec = spec
        self._options = container_options(spec.container)
        self._image_name = image_name(spec, self._options)
        self._logs = logs
        self._say = say
        self._name = secrets.token_hex(4)
        labels = {"session": self._name, **(labels or {})}
        self.session = labels["session"]
        self._labels = {f"{engine.PREFIX}{name}": value for name, value in labels.items()}
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="docker")
        self._engine: Engine | None = None
        self._image: Image | None = None
        self._events: Any = None
        self._opening = asyncio.Lock()
        self._remotes: dict[int, ContainerRemote] = {}
        self._by_id: dict[str, ContainerRemote] = {}
        self._started = 0
        self._closing = False

    async def start(self, env: int) -> Remote:
        """Start a container; it is ready when its servers answer."""
        name = f"{self._image_name}[{env}]"
        found, image = await self._open(env, name)
        previous = self._remotes.get(env)
        if previous is not None:
            await previous.stop()  # where that fails, `close` tries again
        self._started += 1
        suffix = "" if previous is None else f"-{self._started}"
        remote = ContainerRemote(
            f"envserver-{self._name}-{env}{suffix}",
            self._logs / f"container-{env}.log",
            self._stop,
        )
        self._remotes[env] = remote
        command = container_command(self._spec, image, found.is_local)
        line = docker_run_line(image, self._options, command, remote.name)
        logger.info("%s", line)
        remote.note(f"$ {line}\n")
        remote.command = line
        try:
            async with asyncio.timeout(self._spec.start_timeout_s):
                await self._boot(found, image, command, remote, env)
        except BaseException as error:
            tail = ""
            if isinstance(error, TimeoutError | RemoteError):
                tail = f"\n    $ {line}{await self._last_lines(remote)}"
            try:
                await remote.stop()
            except RemoteError as left:
                logger.warning("was not removed, and is tried again at the end: %s", left)
            if isinstance(error, TimeoutError):
                raise RemoteError(
                    f"{name}: container {remote.name} did not answer on its ports in"
                    f" {self._spec.start_timeout_s:g} s{tail}"
                ) from error
            if isinstance(error, RemoteError):
                raise RemoteError(f"{name}: {error}{tail}") from error
            raise
        return remote

    async def describe(self, env_id: str) -> dict[str, Any]:
        """What a trainer needs to know of another environment; {} where the image does not say.

        Raises:
            RemoteError: there is none of that name.
        """
        running = next((each for each in self._remotes.values() if each.alive), None)
        if self._spec.runtime != "gym-core" or running is None or self._engine is None:
            return {}
        text = await self._call(_describe, self._engine, running, env_id)
        for line in text.splitlines():
            if line.startswith(DESCRIBE_MARK):
                found: dict[str, Any] = json.loads(line.removeprefix(DESCRIBE_MARK))
                return found
        tail = text.decode(errors="replace").splitlines()[-1:]
        raise RemoteError(f"{env_id}: {' '.join(tail) or 'was not described'}")

    async def close(self) -> None:
        """Remove the containers; an image that is being made or pulled is not waited for."""
        self._closing = True
        for failed in await asyncio.gather(
            *(remote.stop() for remote in self._remotes.values()), return_exceptions=True
        ):
            if failed is not None:
                logger.error("a container is left: %s", failed)
        if self._engine is not None:
            if self._events is not None:
                with contextlib.suppress(Exception):
                    self._events.close()
            self._engine.close()
        self._calls.shutdown(wait=False)

    async def _open(self, env: int, name: str) -> tuple[Engine, Image]:
        """The engine and the image: reached and got once."""
        async with self._opening:
            loop = asyncio.get_running_loop()
            if self._engine is None:
                found = await self._call(engine.connect)
                try:
                    with engine.translated(name):
                        for each in await self._call(engine.sweep, found):
                            logger.warning("removed container %s, whose daemon had ended", each)
                        self._options = with_cpus(self._options, await self._call(found.cpus))
                except BaseException:
                    found.close()
                    raise
                self._engine = found
            if self._events is None:
                with engine.translated(name):
                    self._events = await self._call(
                        self._engine.api.events,
                        filters={"label": [f"{key}={its}" for key, its in self._labels.items()]},
                        decode=True,
                    )
                _thread(f"docker-events-{self._name}", self._follow_events, loop, self._events)
            if self._image is None:

                def progress(text: str) -> None:
                    if self._closing:
                        raise RemoteError(f"{self._image_name} is not needed any more")
                    loop.call_soon_threadsafe(self._say, env, text)

                self._image = await _abandonable(
                    ensure_image, self._engine, self._image_name, progress
                )
                progress("")
            return self._engine, self._image

    async def _boot(
        self,
        found: Engine,
        image: Image,
        command: ContainerCommand,
        remote: "ContainerRemote",
        env: int,
    ) -> None:
        """Make, start and wait for a container."""
        passwords = Passwords(image, command)
        labels = {
            **engine.owner_labels(),
            **self._labels,
            engine.ENV_LABEL: str(env),
        }
        with engine.translated("the Docker engine"):
            await self._call(make, found, image, self._options, command, remote, passwords, labels)
            assert remote.container is not None
            self._by_id[remote.container] = remote
            facts = await self._call(start, found, remote.container, passwords)
        loop = asyncio.get_running_loop()
        _thread(f"docker-log-{remote.name}", copy_log, loop, found, remote)
        if not facts["State"]["Running"]:
            code = facts["State"]["ExitCode"]
            remote.has_ended(how_it_ended(code), code)
        remote.address = RemoteAddress(
            endpoint(found, facts, command.vnc_port, passwords.vnc),
            endpoint(found, facts, command.rewarder_port, passwords.rewarder),
        )
        cause = await remote.ended_before(self._wait_healthy(remote, command))
        if cause is not None:
            raise RemoteError(cause.partition(" (")[0])

    async def _wait_healthy(self, remote: "ContainerRemote", command: ContainerCommand) -> None:
        waits: list[asyncio.Task[None]] = []
        if remote.address.vnc.port:
            waits.append(asyncio.create_task(wait_vnc(remote.address.vnc)))
        if remote.address.rewarder.port:
            waits.append(asyncio.create_task(wait_rewarder(remote.address.rewarder)))
        try:
            await asyncio.gather(*waits)
        finally:
            for each in waits:
                each.cancel()
        if command.describes:
            remote.describe = await remote.described

    async def _last_lines(self, remote: "ContainerRemote") -> str:
        """What a container that failed printed last."""
        if remote.container is None or self._engine is None:
            return ""
        try:
            text = await self._call(self._engine.api.logs, remote.container, tail=10)
        except Exception:
            return ""
        lines = bytes(text).decode(errors="replace").splitlines()
        return "".join(f"\n    {line}" for line in lines)

    async def _stop(self, remote: "ContainerRemote") -> None:
        if remote.container is not None and self._engine is not None:
            self._by_id.pop(remote.container, None)
            with engine.translated(remote.name):
                await self._call(engine.remove, self._engine, remote.container)

    async def _call(self, function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Run a blocking call in a thread; it is waited for when the caller is cancelled."""
        work = asyncio.get_running_loop().run_in_executor(
            self._calls, functools.partial(function, *arguments, **named)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait((work,))
            if not work.cancelled():
                work.exception()
            raise

    def _follow_events(self, loop: asyncio.AbstractEventLoop, stream: Any) -> None:
        """In a thread: bring every event to the loop, and the end of the stream."""
        with contextlib.suppress(Exception), closed_at_end(stream) as events:
            for event in events:
                loop.call_soon_threadsafe(self._on_event, event)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._on_event, None)

    def _on_event(self, event: Mapping[str, Any] | None) -> None:
        if event is None:
            self._events = None
            if not self._closing:
                for each in self._by_id.values():
                    each.has_ended(HUNG_UP)
            return
        actor = event.get("Actor") or {}
        remote = self._by_id.get(str(actor.get("ID")))
        if remote is None:
            return
        if event.get("Action") == "oom":
            remote.out_of_memory = True
        elif event.get("Action") == "die":
            limit = f": it used more than its {self._options.memory >> 20} MiB of memory"
            code = int((actor.get("Attributes") or {}).get("exitCode", -1))
            how = f"{how_it_ended(code)}{limit if remote.out_of_memory else ''}"
            remote.has_ended(how, code if code >= 0 else None)


def _describe(found: Engine, running: ContainerRemote, env_id: str) -> bytes:
    """What a container prints when it is asked for another environment's description."""
    words = ["python3", "-P", "-m", "envserver.runtimes.gym_core", "--describe-only"]
    with engine.translated(running.name):
        made = found.api.exec_create(running.container, [*words, "--env-id", env_id])
        return bytes(found.api.exec_start(made["Id"]))


def _thread(name: str, target: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, name=name, daemon=True).start()


async def _abandonable(function: Callable[..., Result], *arguments: Any) -> Result:
    """Run a call that may take minutes in a thread that neither a cancellation nor an exit waits
    for."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Result] = loop.create_future()

    def settle(value: Result | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(cast(Result, value))

    def run() -> None:
        value, error = None, None
        try:
            value = function(*arguments)
        except BaseException as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, value, error)

    _thread("docker-image", run)
    return await result

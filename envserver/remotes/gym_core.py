"""Gymnasium environments as remotes: a host process a session, which forks a child a remote.  [I/O]

The host says what it understands in envserver/runtimes/gym_core/host.py. It is started with the
provider, so that it imports while the segment is made and the workers start. Children and host end
with the control socket.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.errors import RemoteError
from envserver.framed import FramedSocket
from envserver.remotes.base import Endpoint, Remote, RemoteAddress
from envserver.spec import SessionSpec
from workers.messages import pack

STOP_TIMEOUT_S = 2.0
LOOPBACK = "127.0.0.1"


class GymCoreRemotes:
    """The environments of one session, in children of one host."""

    def __init__(self, spec: SessionSpec, logs: Path) -> None:
        self._spec = spec
        self._log = logs / "gym-core.log"
        self._host = _Host(self._log)

    async def start(self, env: int) -> Remote:
        """Have the host fork a remote; a host that died is replaced."""
        await self._need_host()
        spec = self._spec
        remote = GymCoreRemote(f"gym-core[{env}]", RemoteAddress())
        remote.logs = [self._log]
        remote.log = self._log
        password, rewarder_password = secrets.token_urlsafe(6), secrets.token_urlsafe(12)
        try:
            async with asyncio.timeout(spec.start_timeout_s):
                started = await self._host.start(
                    remote,
                    env_id=spec.env_id,
                    env_kwargs=dict(spec.env_kwargs),
                    fps=spec.fps,
                    screen=spec.screen_or_size,
                    password=password,
                    rewarder_password=rewarder_password,
                )
        except TimeoutError as error:
            raise RemoteError(
                f"{remote.name}: did not start in {spec.start_timeout_s:g} s{self._tail()}"
            ) from error
        remote.describe = started["describe"]
        remote.address = RemoteAddress(
            Endpoint(LOOPBACK, started["vnc_port"], password),
            Endpoint(LOOPBACK, started["rewarder_port"], rewarder_password),
        )
        return remote

    async def describe(self, env_id: str) -> dict[str, Any]:
        """What a trainer needs to know of another environment.

        Raises:
            RemoteError: there is none of that name.
        """
        await self._need_host()
        spec = self._spec
        asked = self._host.ask(
            "describe",
            Remote(f"gym-core[{env_id}]", RemoteAddress()),
            env_id=env_id,
            env_kwargs=dict(spec.env_kwargs),
            fps=spec.fps,
        )
        try:
            described = await asyncio.wait_for(asked, spec.start_timeout_s)
        except TimeoutError as error:
            raise RemoteError(
                f"{env_id}: was not described in {spec.start_timeout_s:g} s"
            ) from error
        found: dict[str, Any] = described["describe"]
        return found

    async def close(self) -> None:
        await self._host.close()

    async def _need_host(self) -> None:
        if self._host.ended.done():
            await self._host.close()
            self._host = _Host(self._log)

    def _tail(self) -> str:
        return "".join(f"\n    {line}" for line in processes.log_tail(self._log, 10))


class GymCoreRemote(Remote):
    """One child of the host."""

    def __init__(self, name: str, address: RemoteAddress) -> None:
        super().__init__(name, address)
        self.stop_in_host: Callable[[], None] = lambda: None

    async def stop(self) -> None:
        self.stop_in_host()


class _Host:
    """One host process."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._remotes: dict[str, Remote] = {}
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._started = 0
        ours, theirs = socket.socketpair()
        owner = f"{processes.identity(os.getpid())}/gym-core"
        with theirs, log.open("ab") as output:
            self._process = processes.start(
                processes.python_command(
                    *("-m", "envserver.runtimes.gym_core", "--control-fd", str(theirs.fileno()))
                ),
                processes.python_environment(**{processes.OWNER_VARIABLE: owner}),
                output,
                (theirs.fileno(),),
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._control = FramedSocket(ours, self._on_message, lambda: None)
        self.ended = asyncio.ensure_future(self._wait())

    async def start(self, remote: GymCoreRemote, **fields: Any) -> dict[str, Any]:
        """The host's `started` for a new remote.

        Raises:
            RemoteError: it failed.
        """
        return await self.ask("start", remote, **fields)

    async def ask(self, kind: str, remote: Remote, **fields: Any) -> dict[str, Any]:
        """The host's answer about a remote.

        Raises:
            RemoteError: it failed.
        """
        self._started += 1
        name = f"{remote.name}#{self._started}"
        reply = self._replies[name] = asyncio.get_running_loop().create_future()
        try:
            self._control.send(pack(kind, name=name, **fields))
            started: dict[str, Any] = await reply
        except BaseException:
            self._control.send(pack("stop", name=name))
            raise
        finally:
            del self._replies[name]
        if isinstance(remote, GymCoreRemote):
            self._remotes[name] = remote
            remote.stop_in_host = lambda: self._control.send(pack("stop", name=name))
        return started

    async def close(self) -> None:
        """End the host; its children end with it."""
        self._control.close()
        await asyncio.wait((self.ended,), timeout=STOP_TIMEOUT_S)
        if not self.ended.done():
            processes.send_signal(self._pidfd)
        await self.ended

    async def _wait(self) -> None:
        await processes.wait_readable(self._pidfd)
        status = self._process.wait()
        self._control.drain()
        self._control.close()
        os.close(self._pidfd)
        tail = " | ".join(processes.log_tail(self._log, 3))
        cause = f"the gym-core host ended with status {status} ({tail})"
        for remote in self._remotes.values():
            remote.end(cause, status, self._log)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(RemoteError(cause))

    def _on_message(self, message: dict[str, Any]) -> None:
        kind, name = message["type"], message.get("name")
        if kind in ("started", "described", "failed"):
            reply = self._replies.get(str(name))
            if reply is None or reply.done():
                return
            if kind != "failed":
                reply.set_result(message)
            else:
                reply.set_exception(RemoteError(str(message["message"])))
        elif kind == "ended":
            remote = self._remotes.pop(str(name), None)
            if remote is not None:
                status = int(message["exit"])
                cause = f"the process of {remote.name} ended with status {status}"
                remote.end(cause, status, self._log)

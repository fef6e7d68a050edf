"""What a remote and its provider are, for the broker that drives them."""

import asyncio
import dataclasses
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A server that a worker or a viewer connects to. Port 0: there is none."""

    host: str = ""
    port: int = 0
    password: str = dataclasses.field(default="", repr=False)

    def to_wire(self) -> dict[str, Any] | None:
        if not self.port:
            return None
        return {"host": self.host, "port": self.port, "password": self.password}


@dataclasses.dataclass(frozen=True)
class RemoteAddress:
    """Where the two servers of a remote are."""

    vnc: Endpoint = Endpoint()
    rewarder: Endpoint = Endpoint()


class Remote:
    """One running desktop and rewarder.

    Attributes:
        name: what messages call it; without passwords.
        address: where it is reached.
        command: what a person could type to start the same; "" where nothing does.
        describe: what its runtime says about the environment inside; empty where nothing does.
        logs: the files with what its programs print; none of a remote that runs elsewhere, whose
            end is never seen.
        log: the one of them that says most about its end.
        exit_status: of the program whose end was its end, negative for a signal.
    """

    def __init__(self, name: str, address: RemoteAddress) -> None:
        self.name = name
        self.address = address
        self.command = ""
        self.describe: dict[str, Any] = {}
        self.logs: list[Path] = []
        self.log: Path | None = None
        self.exit_status: int | None = None
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return not self._ended.done()

    def end(self, cause: str, exit_status: int | None, log: Path | None) -> None:
        """Note that the remote ended by itself; the first cause stays."""
        if not self._ended.done():
            self.exit_status, self.log = exit_status, log
            self._ended.set_result(cause)

    async def wait_ended(self) -> str:
        """Wait until the remote ends by itself, and say why."""
        return await asyncio.shield(self._ended)

    async def ended_before(self, work: Coroutine[None, None, None]) -> str | None:
        """Wait for `work`; returns why the remote ended if that came first, else None."""
        task = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self.wait_ended())
        try:
            await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return ended.result()
            await task
            return None
        finally:
            task.cancel()
            ended.cancel()

    async def stop(self) -> None:
        """End it and all that it left; what is not ours is left alone."""


class RemoteProvider(Protocol):
    """Makes the remotes of one session."""

    async def start(self, env: int) -> Remote:
        """Start, or start anew, the remote of one environment.

        Raises:
            RemoteError: it cannot be started; the message says why and what to do.
        """

    async def close(self) -> None:
        """Stop every remote that was started, and what the provider itself runs."""


class NoRemotes:
    """For the synthetic screen source, which needs no remote."""

    async def start(self, env: int) -> Remote:
        return Remote(f"synthetic[{env}]", RemoteAddress())

    async def close(self) -> None:
        pass

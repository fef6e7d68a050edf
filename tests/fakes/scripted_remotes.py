"""A provider whose remotes are nothing, and start and end when a test says so."""

import asyncio

from envserver.remotes.base import Remote, RemoteAddress


class ScriptedRemotes:
    """A provider.

    Attributes:
        gate: starts wait until it is set.
        asked: set when one is asked for.
        error: what the next start fails with.
        unfinished: how many starts have neither returned nor raised.
        starts: the places that were started, in order.
        running: what was started at each place and not stopped.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.error: Exception | None = None
        self.unfinished = 0
        self.starts: list[int] = []
        self.running: dict[int, ScriptedRemote] = {}
        self.closed = False

    async def start(self, env: int) -> Remote:
        self.starts.append(env)
        self.asked.set()
        self.unfinished += 1
        try:
            await self.gate.wait()
            error, self.error = self.error, None
            if error is not None:
                raise error
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # what was begun is undone
            raise
        finally:
            self.unfinished -= 1
        before = self.running.get(env)
        assert before is None or before.stopped or not before.alive, "the place is in use"
        self.running[env] = ScriptedRemote(f"remote {len(self.starts)} at {env}")
        return self.running[env]

    async def close(self) -> None:
        self.closed = True


class ScriptedRemote(Remote):
    def __init__(self, name: str) -> None:
        super().__init__(name, RemoteAddress())
        self.stopped = False

    async def stop(self) -> None:
        self.stopped = True

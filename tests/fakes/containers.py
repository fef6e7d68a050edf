"""What tests of containers share: providers that leave nothing behind, scripts of their own."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from envserver.remotes.containers import DockerRemotes
from envserver.remotes.engine import Engine
from envserver.spec import SessionSpec

TIMEOUT_S = 90
ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def provider(logs: Path, **fields: Any) -> AsyncIterator[DockerRemotes]:
    """A session's containers, which are gone at the end."""
    spec = SessionSpec(**{"runtime": "xvnc", "num_envs": 1, "provider": "docker", **fields})
    made = DockerRemotes(spec, logs, lambda env, text: None)
    try:
        yield made
    finally:
        await made.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await work()

    asyncio.run(bounded())


def containers(found: Engine, **labels: str) -> list[dict[str, Any]]:
    """Those with these labels of ours, such as session="1f2e"."""
    wanted = [f"envserver.{name}={value}" for name, value in labels.items()]
    listed: list[dict[str, Any]] = found.api.containers(all=True, filters={"label": wanted})
    return listed


class Script:
    """A Python process of its own that prints lines; its standard error is ours."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what `line` leaves must stay visible to select
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def line(self, timeout_s: float = TIMEOUT_S) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        assert ready, "the script printed nothing"
        return self.process.stdout.readline().decode().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

"""What tests of containers share: providers that leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from envserver.remotes.containers import DockerRemotes
from envserver.remotes.engine import Engine
from envserver.spec import SessionSpec

TIMEOUT_S = 90


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

"""Which sessions may have the remotes that are kept for their client."""

import asyncio
from typing import Any, cast

import pytest

from envserver.broker.closings import Closings
from envserver.broker.kept import KeptRemotes
from envserver.broker.pool import RemotePool
from envserver.errors import RequestFailed
from envserver.spec import SessionSpec

OWN_A: dict[str, Any] = {"runtime_name": "xvnc", "task": "/own/a.py:A"}
OWN_B: dict[str, Any] = {"runtime_name": "xvnc", "task": "/own/b.py:B"}
BARE: dict[str, Any] = {"runtime_name": "xvnc"}
FILE: dict[str, Any] = {
    "runtime_name": "terminal",
    "env_id": "terminal.CreateFile-v0",
    "task": "envserver.tasks.terminal:CreateFile",
}
LINES: dict[str, Any] = {
    "runtime_name": "terminal",
    "env_id": "terminal.CountLines-v0",
    "task": "envserver.tasks.terminal:CountLines",
}
SHELL: dict[str, Any] = {"runtime_name": "terminal"}
OWN_FILE = {**FILE, "task": "/own/a.py:A"}
OWN_LINES = {**LINES, "task": "/own/a.py:A"}


class ScriptedPool:
    """A pool of nothing."""

    alive = 1

    def __init__(self, spec: SessionSpec) -> None:
        self.spec = spec

    async def close(self) -> None:
        pass


def taken(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a session gets what another left.

    Raises:
        RequestFailed: it does not; the remotes stay kept.
    """
    common: dict[str, Any] = {"runtime": "xvnc", "num_envs": 1, "client_id": "one"}

    async def take() -> bool:
        closings = Closings()
        kept = KeptRemotes(closings)
        pool = cast(RemotePool, ScriptedPool(SessionSpec(**common, **before)))
        kept.keep("one", pool, 60.0)
        try:
            return kept.take(SessionSpec(**common, **now)) is pool
        except RequestFailed:
            assert [each["client_id"] for each in kept.summaries()] == ["one"]
            raise
        finally:
            kept.give_up_all()
            await closings.wait()

    return asyncio.run(take())


@pytest.mark.parametrize(
    ("before", "now"),
    [(OWN_A, OWN_A), (BARE, BARE), (FILE, FILE), (FILE, LINES), (OWN_FILE, OWN_FILE)],
)
def test_what_serves(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert taken(before, now)


@pytest.mark.parametrize(
    ("before", "now", "was"),
    [
        (OWN_A, OWN_B, "not '/own/a.py:A'"),
        (OWN_A, BARE, "not '/own/a.py:A'"),
        (BARE, OWN_A, "not None"),
        (SHELL, FILE, "not None"),
        (FILE, SHELL, "not 'envserver.tasks.terminal:CreateFile'"),
        (FILE, OWN_FILE, "not 'envserver.tasks.terminal:CreateFile'"),
        (OWN_FILE, FILE, "not '/own/a.py:A'"),
        (OWN_FILE, LINES, "not '/own/a.py:A'"),
        # The remote would switch by the name, to the task that runtimes.yml has for it.
        (OWN_FILE, OWN_LINES, "of terminal.CountLines-v0, not that of terminal.CreateFile-v0"),
    ],
)
def test_another_task_does_not(before: dict[str, Any], now: dict[str, Any], was: str) -> None:
    with pytest.raises(RequestFailed, match=f"its task is .*{was}.*--release one"):
        taken(before, now)

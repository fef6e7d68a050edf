"""A desktop of one's own, Xvnc and openbox, for tests that look at it from this process."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from envserver.remotes.xvnc import XvncRemote
from envserver.rewarder import Desktop


@contextlib.contextmanager
def bare_desktop(home: Path, size: tuple[int, int] = (640, 480)) -> Iterator[Desktop]:
    """A task's `Desktop` on it."""
    loop = asyncio.new_event_loop()

    async def start() -> XvncRemote:
        remote = XvncRemote(0, home / "desktop", home / "desktop.log", home / "program.log")
        await remote.start(size, None)
        return remote

    remote: XvncRemote | None = None
    try:
        remote = loop.run_until_complete(start())
        display = remote.name.rpartition(" ")[2]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", display)
            patch.setenv("XAUTHORITY", str(home / "desktop" / ".Xauthority"))
            patch.setenv("XDG_RUNTIME_DIR", str(home))
            patch.setenv("ENVSERVER_REWARDER_PASSWORD", "secret")
            desktop = Desktop()
            try:
                yield desktop
            finally:
                desktop.close()
                assert not list(home.glob("task-*"))
    finally:
        if remote is not None:
            loop.run_until_complete(remote.stop())
        loop.close()

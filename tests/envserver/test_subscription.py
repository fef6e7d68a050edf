"""`vnc_kwargs` on a real desktop: updates that are confined to a part of the screen."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import envserver
from envserver.remotes.xvnc import XvncRemotes
from envserver.spec import SessionSpec
from envserver.vector_env import VectorEnv

pytestmark = pytest.mark.integration

SIZE = (640, 240)
HALF = SIZE[0] // 2
PROGRAM = ["xterm", "-geometry", "30x10+330+20", "-e", "cat"]


class Desktop:
    """An Xvnc whose only window is on the right half, and its address."""

    def __init__(self, home: Path) -> None:
        self._loop = asyncio.new_event_loop()
        spec = SessionSpec(
            runtime="xvnc", num_envs=1, width=SIZE[0], height=SIZE[1], command=PROGRAM
        )
        self._runner = asyncio.Runner(loop_factory=lambda: self._loop)

        async def start() -> str:
            self._provider = XvncRemotes(spec, home, home)
            remote = await self._provider.start(0)
            vnc = remote.address.vnc
            return f"vnc://{vnc.host}:{vnc.port}?password={vnc.password}"

        self.address = self._runner.run(start())

    def close(self) -> None:
        self._runner.run(self._provider.close())
        self._runner.close()


@pytest.fixture
def desktop(home: Path) -> Iterator[Desktop]:
    made = Desktop(home)
    yield made
    made.close()


def attach(desktop: Desktop, *subscription: tuple[int, int, int, int]) -> VectorEnv:
    envs = envserver.make_vec(
        remotes=desktop.address,
        screen=SIZE,
        fps=30,
        vnc_kwargs={"encoding": "raw", "subscription": subscription},
    )
    envs.reset()
    return envs


def until_changed(envs: VectorEnv, before: np.ndarray, steps: int = 300) -> bool:
    return any((envs.step([()])[0][0] != before).any() for _ in range(steps))


@pytest.mark.parametrize("rectangles", [1, 2])
def test_updates_are_confined(desktop: Desktop, rectangles: int) -> None:
    left = [(0, HALF, 0, SIZE[1])] if rectangles == 1 else [(0, HALF, 0, 120), (0, 64, 120, 120)]
    inside = attach(desktop, (HALF, HALF, 0, SIZE[1]))
    outside = attach(desktop, *left)
    try:
        # The first picture is whole for both, and shows the window.
        shown = inside.step([()])[0][0].copy()
        for _ in range(300):
            if len(np.unique(shown[:, HALF:].reshape(-1, 3), axis=0)) > 2:
                break
            shown = inside.step([()])[0][0].copy()
        stale = outside.step([()])[0][0].copy()
        assert stale.any()
        inside.step([[("PointerEvent", 400, 100, 0)]])
        inside.step([[("Text", "hello")]])
        assert until_changed(inside, shown)
        for _ in range(5):
            now = outside.step([()])[0][0]
        np.testing.assert_array_equal(now[:, HALF:], stale[:, HALF:])
    finally:
        inside.close()
        outside.close()

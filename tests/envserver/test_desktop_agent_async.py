"""Awaited desktops: side by side, cancelled, refused, closed."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envserver

pytestmark = pytest.mark.integration
TERMINAL = "terminal.CreateFile-v0"  # begins when the shell reads its keyboard
OPTIONS: dict[str, Any] = {"screen": (320, 240), "provider": "process"}


def test_two_desktops_side_by_side(home: Path, nothing_left: None) -> None:
    async def changed(text: str) -> int:
        async with envserver.desktop_async(TERMINAL, **OPTIONS) as d:
            await d.wait_stable(300, 10_000)
            await d.click(200, 150)
            await d.wait_stable()
            before = await d.screenshot()
            await d.type(text)
            assert await d.wait_stable()
            assert d.cursor == (200, 150)
            return int((await d.screenshot() != before).sum())

    async def both() -> tuple[int, int]:
        return await asyncio.gather(changed("a"), changed("a" * 9))

    few, many = asyncio.run(both())
    assert 0 < few < many


def test_a_cancelled_wait_ends_by_itself_and_calls_stay_in_order(home: Path) -> None:
    async def run() -> None:
        async with envserver.desktop_async(TERMINAL, **OPTIONS) as d:
            await d.wait_stable(300, 10_000)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(d.wait_change(1000, (300, 220, 20, 20)), 0.1)
            before = await d.screenshot()
            await d.press("a")
            assert await d.wait_change()
            assert not np.array_equal(await d.screenshot(), before)
            with pytest.raises(ValueError, match="no key is called"):
                await d.press("nokey")
        with pytest.raises(RuntimeError, match="not open"):
            await d.screenshot()
        await d.close()

    asyncio.run(run())


def test_a_start_that_is_given_up_leaves_nothing(home: Path, nothing_left: None) -> None:
    async def run() -> None:
        d = envserver.desktop_async(TERMINAL, **OPTIONS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(d.start(), 0.05)

    asyncio.run(run())
    for thread in threading.enumerate():
        if thread.name.startswith("desktop"):
            thread.join()


def test_a_start_that_fails_says_why(home: Path) -> None:
    async def run() -> None:
        async with envserver.desktop_async("terminal.Nope-v0"):
            raise AssertionError

    with pytest.raises(Exception, match="Nope-v0"):
        asyncio.run(run())

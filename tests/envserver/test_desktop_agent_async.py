"""Awaited desktops: side by side, cancelled, refused, closed."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError

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


HOUR_MS = 3_600_000


def test_a_cancelled_wait_ends_and_what_comes_after_it_works(home: Path) -> None:
    async def run() -> None:
        async with envserver.desktop_async(TERMINAL, **OPTIONS) as d:
            for wait in (
                lambda: d.wait(HOUR_MS),
                lambda: d.wait_stable(HOUR_MS, HOUR_MS),
                lambda: d.wait_change(HOUR_MS, (300, 220, 20, 20)),
                lambda: d.wait_clipboard(HOUR_MS),
            ):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(wait(), 0.3)
                before = await d.screenshot()
                await d.press("a")
                assert await d.wait_change()
                assert not np.array_equal(await d.screenshot(), before)
            first = asyncio.create_task(d.wait(HOUR_MS))
            second = asyncio.create_task(d.move(9, 9))
            await asyncio.sleep(0)
            second.cancel()
            first.cancel()
            await asyncio.wait([first, second])
            await d.move(5, 5)
            assert d.cursor == (5, 5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await d.wait(HOUR_MS)  # and the end of `async with` comes soon

    asyncio.run(run())


def test_a_close_ends_a_wait_that_is_awaited(home: Path, nothing_left: None) -> None:
    async def run() -> None:
        d = envserver.desktop_async(TERMINAL, **OPTIONS)
        await d.start()
        with pytest.raises(RuntimeError, match="started already"):
            await d.start()
        waiting = asyncio.create_task(d.wait(HOUR_MS))
        await asyncio.sleep(0)
        await d.close()
        with pytest.raises(ClosedEnvironmentError):
            await waiting
        with pytest.raises(RuntimeError, match="closed: make another"):
            await d.start()
        starting = envserver.desktop_async(TERMINAL, **OPTIONS)
        begun = asyncio.create_task(starting.start())
        await asyncio.sleep(0)
        await starting.close()
        with pytest.raises(RuntimeError, match="closed before it had started"):
            await begun

    asyncio.run(run())


def test_calls_of_its_own_desktop_come_in_their_turn(home: Path) -> None:
    async def run() -> None:
        async with envserver.desktop_async(TERMINAL, **OPTIONS) as d:
            waiting = asyncio.create_task(d.wait(300))
            await asyncio.sleep(0)
            d.now.click(5, 5)
            assert d.cursor == (5, 5)
            await waiting

    asyncio.run(run())


def test_a_short_cancelled_wait_and_calls_in_order(home: Path) -> None:
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

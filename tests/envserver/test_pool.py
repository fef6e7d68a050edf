"""The pool of remotes, over a provider that starts what the test lets it start."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fakes.scripted_remotes import ScriptedRemote, ScriptedRemotes

from envserver.broker import pool as pools
from envserver.broker.in_use import RemoteInUse
from envserver.broker.pool import RemotePool
from envserver.errors import RemoteError
from envserver.remotes.choice import Choice
from envserver.spec import SessionSpec

TIMEOUT_S = 10.0


Test = Callable[[RemotePool, ScriptedRemotes], Coroutine[Any, Any, None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    monkeypatch.setattr(pools, "LEAVE_S", 0.0)

    async def within(test: Test) -> None:
        provider = ScriptedRemotes()
        monkeypatch.setattr(pools, "create_provider", lambda *_, **__: provider)
        spec = SessionSpec(runtime="xvnc", num_envs=1, width=64, height=48)
        pool = RemotePool(spec, tmp_path / "pool", tmp_path / "logs", Choice(containers=False))
        async with asyncio.timeout(TIMEOUT_S):
            await test(pool, provider)
            await pool.close()
        assert provider.closed

    return lambda test: asyncio.run(within(test))


async def settle(pool: RemotePool) -> None:
    """Let what was left be emptied."""
    while pool._tasks:
        await asyncio.sleep(0)


async def spares_are(pool: RemotePool, count: int) -> None:
    while pool.ready_spares != count:
        await asyncio.sleep(0)


def test_one_remote_is_started_though_the_old_one_dies_meanwhile(
    run: Callable[[Test], None],
) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        first = await pool.take(0)
        provider.gate.clear()
        provider.asked.clear()
        renewing = asyncio.create_task(pool.renew(0))
        await provider.asked.wait()
        first.end("it died", 1, None)
        taking = asyncio.create_task(pool.take(0))
        await asyncio.sleep(0)
        provider.gate.set()
        (renewed, leave), taken = await renewing, await taking
        assert taken is renewed
        assert provider.starts == [0, 1]
        leave()
        await settle(pool)
        assert isinstance(first, ScriptedRemote)
        assert first.stopped
        # The place that was left is used again, and no other.
        await pool.renew(0)
        assert provider.starts == [0, 1, 0]

    run(test)


def test_a_dead_remote_is_replaced_after_a_renewal_that_failed(
    run: Callable[[Test], None],
) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        first = await pool.take(0)
        provider.gate.clear()
        provider.asked.clear()
        provider.error = RemoteError("it refuses")
        renewing = asyncio.create_task(pool.renew(0))
        await provider.asked.wait()
        first.end("it died", 1, None)
        taking = asyncio.create_task(pool.take(0))
        await asyncio.sleep(0)
        provider.gate.set()
        with pytest.raises(RemoteError, match="it refuses"):
            await renewing
        assert (await taking).alive
        assert provider.starts == [0, 1, 0]

    run(test)


def test_nothing_waits_for_a_spare_that_was_taken(run: Callable[[Test], None]) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        await pool.take(0)
        pool.want_spares(1)
        await spares_are(pool, 1)
        pool.want_spares(0)
        taken = pool.take_spare(0)
        assert taken is not None
        spare, leave = taken
        leave()
        await settle(pool)  # for ever, if one awaited its end
        assert spare.alive
        assert provider.starts == [0, 1]

    run(test)


def test_the_end_of_one_that_was_taken_costs_no_newer_spare(run: Callable[[Test], None]) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        await pool.take(0)
        pool.want_spares(1)
        await spares_are(pool, 1)
        taken = pool.take_spare(0)
        assert taken is not None
        spare, leave = taken
        leave()
        await spares_are(pool, 1)  # at place 0, which was left
        second = pool.take_spare(0)
        assert second is not None
        second[1]()
        await spares_are(pool, 1)  # at place 1, where the first spare was
        assert provider.starts == [0, 1, 0, 1]
        spare.end("it died after it was left", 1, None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert pool.ready_spares == 1
        assert provider.starts == [0, 1, 0, 1]

    run(test)


def test_a_spare_that_ends_is_replaced(run: Callable[[Test], None]) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        await pool.take(0)
        pool.want_spares(1)
        await spares_are(pool, 1)
        provider.running[1].end("it died", 1, None)
        await spares_are(pool, 0)
        await spares_are(pool, 1)
        assert provider.running[1].alive

    run(test)


def test_its_worker_is_told_whether_all_is_decoded(run: Callable[[Test], None]) -> None:
    async def test(pool: RemotePool, provider: ScriptedRemotes) -> None:
        in_use = RemoteInUse(pool, 0)
        await in_use.take(None)
        for exact in (True, False):
            spec = SessionSpec(runtime="xvnc", num_envs=1, exact=exact)
            assert in_use.worker_config(spec, 1, None, False).exact == exact

    run(test)

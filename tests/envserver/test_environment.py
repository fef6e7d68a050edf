"""One environment of the daemon, with a worker and remotes that do what the test says."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from fakes.scripted_remotes import ScriptedRemotes

from envserver.broker import environment as environments
from envserver.broker import pool as pools
from envserver.broker.environment import Environment
from envserver.broker.pool import RemotePool
from envserver.broker.turns import Turns
from envserver.remotes.choice import Choice
from envserver.spec import SessionSpec
from shm.control import ControlPlane
from shm.segment import Segment
from workers.messages import LENGTH

TIMEOUT_S = 10.0


class ScriptedWorker:
    """A worker's process that is none.

    Attributes:
        got: the messages that it was sent.
    """

    pid = os.getpid()

    def __init__(
        self, on_message: Callable[[dict[str, Any]], None], on_end: Callable[[], None]
    ) -> None:
        self.say = on_message
        self._on_end = on_end
        self.got: list[dict[str, Any]] = []
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, data: bytes) -> None:
        self.got.append(msgpack.unpackb(data[LENGTH.size :]))

    def resets(self) -> list[tuple[int, str | None]]:
        return [(each["id"], each["env_id"]) for each in self.got if each["type"] == "reset"]

    def kill(self) -> None:
        if not self._ended.done():
            self._ended.set_result(-9)
            self._on_end()

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


class Rig:
    """An environment whose first worker is ready."""

    def __init__(self, directory: Path, segment: Segment, plane: ControlPlane) -> None:
        self.remotes = ScriptedRemotes()
        self.turns = Turns(1)
        self.workers: list[ScriptedWorker] = []
        self.changed = asyncio.Event()
        fields: dict[str, Any] = {"env_id": "gym-core.Pong-v0", "width": 64, "height": 48}
        spec = SessionSpec(runtime="gym-core", num_envs=1, **fields)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pools, "create_provider", lambda *_, **__: self.remotes)
            self.pool = RemotePool(
                spec, directory / "pool", directory / "logs", Choice(containers=False)
            )
        self.environment = Environment(
            *(0, spec, self.pool, plane, segment.fd, -1, directory / "worker.log", "", "env"),
            *(lambda: self.turns.ask("session"), self.changed.set),
        )

    def worker(self, *arguments: Any) -> ScriptedWorker:
        self.workers.append(ScriptedWorker(*arguments[-2:]))
        return self.workers[-1]

    async def ready(self, generation: int = 1) -> ScriptedWorker:
        """Have the worker of a generation get ready."""
        while self.environment.generation < generation or self.environment.state != "connecting":
            self.changed.clear()
            await self.changed.wait()
        self.workers[-1].say({"type": "ready"})
        return self.workers[-1]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Callable[[Rig], Coroutine[Any, Any, None]]], None]]:
    segment = Segment.create(1, 48, 64, 3, 4, 64)
    plane = ControlPlane(segment.fd)
    monkeypatch.setattr(environments, "BACK_OFF_S", 0.0)
    monkeypatch.setattr(environments, "CLOSE_TIMEOUT_S", 0.0)

    async def within(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            rig = Rig(tmp_path, segment, plane)
            monkeypatch.setattr(environments, "WorkerProcess", rig.worker)
            await test(rig)
            await rig.environment.close()
            await rig.pool.close()

    yield lambda test: asyncio.run(within(test))
    plane.close()
    segment.close()


Run = Callable[[Callable[[Rig], Coroutine[Any, Any, None]]], None]


def test_closing_waits_for_a_remote_that_is_being_made(run: Run) -> None:
    async def test(rig: Rig) -> None:
        await rig.ready()
        rig.remotes.gate.clear()
        rig.remotes.asked.clear()
        rig.environment.reset(1, {"fresh": True})
        await rig.remotes.asked.wait()
        assert rig.remotes.unfinished == 1
        await rig.environment.close()
        assert rig.remotes.unfinished == 0

    run(test)


@pytest.mark.parametrize("error", [OSError("no descriptor"), KeyError("our mistake")])
def test_resets_after_a_remote_that_could_not_be_made(run: Run, error: Exception) -> None:
    async def test(rig: Rig) -> None:
        await rig.ready()
        rig.remotes.error = error
        rig.environment.reset(1, {"fresh": True})
        rig.environment.reset(2, {})
        second = await rig.ready(2)
        report = await rig.environment.fault_report()
        assert "no other remote could be started" in report.cause
        assert str(error) in report.cause
        rig.environment.reset(3, {})
        told = [each for worker in rig.workers for each in worker.resets()]
        assert [number for number, _ in told] == [1, 2, 3]
        assert second.resets()[-1][0] == 3

    run(test)


def test_a_name_is_kept_when_the_worker_says_that_it_runs(run: Run) -> None:
    async def test(rig: Rig) -> None:
        worker = await rig.ready()
        before, after = "gym-core.Pong-v0", "gym-core.Breakout-v0"
        rig.environment.reset(1, {"env_id": after})
        rig.environment.reset(2, {})
        worker.say({"type": "switched", "env_id": after})
        rig.environment.reset(3, {})
        assert worker.resets() == [(1, after), (2, before), (3, after)]
        worker.kill()
        second = await rig.ready(2)
        assert second.got[0]["type"] == "configure"
        assert second.got[0]["config"]["env_id"] == after

    run(test)

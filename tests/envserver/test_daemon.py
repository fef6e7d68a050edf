"""What a daemon does with remotes when it ends, or when a session does not open."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from fakes.scripted_remotes import ScriptedRemotes

from envserver.broker import daemon as daemons
from envserver.broker import pool as pools
from envserver.broker import session as sessions
from envserver.broker.daemon import Daemon
from envserver.broker.leases import Lease
from envserver.broker.session import BrokerSession
from envserver.errors import EnvServerError, RequestFailed, SessionClosed
from envserver.settings import resolve_address
from envserver.spec import SessionSpec
from shm.errors import ShmError

TIMEOUT_S = 10.0
CLOSE_S = 0.1
"""How long remotes take to end: longer than all that the daemon has to do besides."""
SPEC: dict[str, Any] = {
    "runtime": "xvnc",
    "runtime_name": "xvnc",
    "num_envs": 1,
    "width": 64,
    "height": 48,
    "provider": "process",
}


class ScriptedEnvironment:
    """An environment without worker and remote."""

    state = "ready"
    failed = None

    def __init__(self, *_: Any) -> None:
        pass

    def check_heartbeat(self, now_ns: int) -> None:
        pass

    async def close(self) -> None:
        pass


class SlowRemotes(ScriptedRemotes):
    """Its end takes a while.

    Attributes:
        closing: set when it begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self.closing = asyncio.Event()

    async def close(self) -> None:
        self.closing.set()
        ended = asyncio.Event()
        asyncio.get_running_loop().call_later(CLOSE_S, ended.set)
        await ended.wait()
        await super().close()


class Rig:
    """A daemon, one trainer (this process), and the remotes that it had made."""

    def __init__(self, home: Path) -> None:
        self.daemon = Daemon(resolve_address(f"ipc://{home}/broker"))
        self.made: list[SlowRemotes] = []
        self._theirs: list[socket.socket] = []
        self.lease = self.connect()
        self._serving = asyncio.create_task(self.daemon.run())

    def connect(self) -> Lease:
        ours, theirs = socket.socketpair()
        self._theirs.append(theirs)
        lease = Lease(ours, os.getpid())
        self.daemon.leases.leases[lease.token] = lease
        return lease

    def make(self, *_: Any, **__: Any) -> SlowRemotes:
        self.made.append(SlowRemotes())
        return self.made[-1]

    async def open(self, **fields: Any) -> BrokerSession:
        spec = SessionSpec(**{**SPEC, **fields})
        return await self.daemon.open_session(self.lease, spec)

    async def kept(self) -> BrokerSession:
        """A session that was closed, and its remotes kept."""
        session = await self.open(client_id="one")
        await self.daemon.close_session(session, keep=True)
        assert self.kept_clients() == ["one"]
        return session

    def kept_clients(self) -> list[str]:
        return [str(each["client_id"]) for each in self.daemon.kept.summaries()]

    def request(self, work: Coroutine[Any, Any, Any]) -> None:
        """Have the daemon answer a request."""
        task = asyncio.create_task(work)
        self.daemon._tasks.add(task)
        task.add_done_callback(self.daemon._tasks.discard)

    async def stop(self) -> None:
        self.daemon.stop("the test ends")
        await self._serving
        for theirs in self._theirs:
            theirs.close()


Test = Callable[[Rig], Coroutine[Any, Any, None]]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    monkeypatch.setattr(sessions, "Environment", ScriptedEnvironment)

    async def within(test: Test) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            rig = Rig(home)
            monkeypatch.setattr(pools, "create_provider", rig.make)
            await test(rig)
            await rig.stop()
        assert rig.made
        assert all(remotes.closed for remotes in rig.made)
        assert not list(home.iterdir())

    return lambda test: asyncio.run(within(test))


def test_a_closing_that_was_asked_for_is_awaited(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        session = await rig.open()
        rig.request(rig.daemon.close_session(session))
        await rig.made[0].closing.wait()

    run(test)


def test_a_release_that_was_asked_for_is_awaited(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        await rig.kept()
        rig.request(rig.daemon.kept.release("one"))
        await rig.made[0].closing.wait()

    run(test)


def test_remotes_that_were_given_up_are_awaited(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        session = await rig.open(client_id="one", keep_s=0.001)
        await rig.daemon.close_session(session, keep=True)
        await rig.made[0].closing.wait()

    run(test)


def test_what_is_about_to_be_kept_is_stopped(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        session = await rig.open(client_id="one")
        rig.request(rig.daemon.close_session(session, keep=True))
        await asyncio.sleep(0)
        assert session.token not in rig.daemon.sessions

    run(test)


def test_a_trainer_that_comes_back_while_its_session_closes(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        session = await rig.open(client_id="one")
        ended, rig.lease = rig.lease, rig.connect()
        rig.daemon.leases._ended(ended, "its process ended")
        again = await rig.open(client_id="one")
        assert again.pool is session.pool
        assert again.reopened
        assert not session.reopened
        assert rig.kept_clients() == []

    run(test)


@pytest.mark.parametrize("error", [ShmError("no memory"), OSError(28, "disk full"), KeyError("x")])
def test_kept_remotes_survive_a_session_that_does_not_open(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(session: BrokerSession) -> None:
        raise error

    async def test(rig: Rig) -> None:
        await rig.kept()
        with monkeypatch.context() as patch:
            patch.setattr(BrokerSession, "_start", fail)
            with pytest.raises((EnvServerError, KeyError)):
                await rig.open(client_id="one")
        assert rig.kept_clients() == ["one"]
        assert not rig.made[0].closing.is_set()
        again = await rig.open(client_id="one")
        assert again.reopened
        assert len(rig.made) == 1

    run(test)


def test_kept_remotes_survive_a_trainer_that_ends_while_it_opens(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(rig: Rig) -> None:
        await rig.kept()
        with monkeypatch.context() as patch:
            patch.setattr(daemons, "trainer_alive", lambda _: False)
            with pytest.raises(SessionClosed):
                await rig.open(client_id="one")
        assert rig.kept_clients() == ["one"]
        assert not rig.made[0].closing.is_set()

    run(test)


def test_kept_remotes_survive_an_interrupt_while_they_are_opened(
    run: Callable[[Test], None],
) -> None:
    async def test(rig: Rig) -> None:
        await rig.kept()
        session = await rig.open(client_id="one")
        session.opening = "its word"
        await rig.daemon._requests.answer(rig.lease, "close_session", {"opening": "its word"})
        assert rig.kept_clients() == ["one"]
        spec = SessionSpec(**SPEC, client_id="one").to_wire()
        await rig.daemon._requests.answer(rig.lease, "close_session", {"opening": "another"})
        with pytest.raises(SessionClosed, match="closed while it was opened"):
            await rig.daemon._requests.answer(
                rig.lease, "open_session", {"opening": "another", "spec": spec}
            )
        assert rig.kept_clients() == ["one"]
        assert not rig.made[0].closing.is_set()

    run(test)


def test_new_remotes_end_with_a_session_that_cannot_be_made(run: Callable[[Test], None]) -> None:
    async def test(rig: Rig) -> None:
        (rig.daemon._files / "session-1").touch()  # as on a full disk, its directory is not made
        with pytest.raises(RequestFailed, match=r"cannot open a session: .*session-1"):
            await rig.open()
        assert rig.made[0].closed

    run(test)


def test_an_opening_is_given_up_when_the_daemon_ends(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(rig: Rig) -> None:
        await rig.kept()
        began = asyncio.Event()

        async def never(session: BrokerSession) -> None:
            began.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(BrokerSession, "_start", never)
        rig.request(rig.open(client_id="one"))
        await began.wait()

    run(test)


def test_a_status_tells_of_all_that_start(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "GATHER_S", TIMEOUT_S)

    async def test(rig: Rig) -> None:
        session = await rig.open(num_envs=2)
        first, second = session.environments
        first.state = second.state = "starting"
        told = asyncio.create_task(session.wait_change(session.revision, TIMEOUT_S))
        for each in (first, second):
            assert not told.done()
            each.state = "ready"
            session._note_change()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await told
        # Then each change is told at once.
        told = asyncio.create_task(session.wait_change(session.revision, TIMEOUT_S))
        session._note_change()
        await told

    run(test)


def test_a_failed_start_is_told_at_once(
    run: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "GATHER_S", TIMEOUT_S)

    async def test(rig: Rig) -> None:
        session = await rig.open(num_envs=2)
        first, second = session.environments
        first.state = second.state = "starting"
        told = asyncio.create_task(session.wait_change(session.revision, TIMEOUT_S))
        second.failed = "it failed"
        session._note_change()
        await told

    run(test)

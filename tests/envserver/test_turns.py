"""Turns to start a worker: how many at once, who is next; and a daemon that keeps to them."""

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from envserver.broker import control, turns
from envserver.broker.turns import Turn, Turns
from envserver.client import Client, open_session
from envserver.session import Session
from envserver.spec import SessionSpec

TIMEOUT_S = 30.0
SMALL: dict[str, Any] = {"source": "synthetic", "width": 64, "height": 64}
GATED = """
import os, sys
from envserver.broker import main, turns, worker
turns.LEAST_AT_ONCE, turns.AT_ONCE_PER_CORE = 2, 0
turns.LONGEST_TURN_S = 600.0
gate = '''
import os, socket, sys
gate = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
gate.connect({path!r})
gate.send(str(os.getpid()).encode())
if gate.recv(1):
    os.execv(sys.executable, [sys.executable, "-P", *sys.argv[1:]])
'''
worker.processes.python_command = lambda *words: [sys.executable, "-c", gate, *words]
main.run(ready_fd=os.dup(1))
"""


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await test()

    asyncio.run(within())


def came(*asked: Turn) -> list[bool]:
    return [turn.came.done() for turn in asked]


def test_no_more_than_so_many_at_once() -> None:
    async def test() -> None:
        all_turns = Turns(2)
        asked = [all_turns.ask("a") for _ in range(4)]
        assert came(*asked) == [True, True, False, False]
        asked[1].give_back()
        asked[1].give_back()
        assert came(*asked) == [True, True, True, False]
        asked[0].give_back()
        asked[2].give_back()
        assert came(*asked, *(all_turns.ask("a") for _ in range(2))) == [True] * 5 + [False]

    run(test)


def test_another_session_does_not_wait_for_all_of_the_first() -> None:
    async def test() -> None:
        all_turns = Turns(1)
        many = [all_turns.ask("many") for _ in range(5)]
        one = all_turns.ask("one")
        two = all_turns.ask("one")
        many[0].give_back()
        assert came(one, many[1]) == [True, False]
        one.give_back()
        assert came(many[1], two) == [True, False]
        many[1].give_back()
        assert came(two, many[2]) == [True, False]

    run(test)


def test_a_restart_goes_before_a_session_that_starts() -> None:
    async def test() -> None:
        all_turns = Turns(1)
        all_turns.ask("ready").give_back()
        many = [all_turns.ask("many") for _ in range(5)]
        restart = all_turns.ask("ready")
        many[0].give_back()
        assert came(restart, *many[1:]) == [True, False, False, False, False]

    run(test)


def test_who_gives_up_waiting_is_skipped() -> None:
    async def test() -> None:
        all_turns = Turns(1)
        first, second, third = (all_turns.ask("a") for _ in range(3))
        waits = asyncio.ensure_future(second.came)
        waits.cancel()
        second.give_back()
        first.give_back()
        assert came(third) == [True]

    run(test)


@pytest.mark.parametrize(
    ("limit", "cores"), [("max 100000", 64), ("150000 100000", 2), ("9900000 100000", 64)]
)
def test_cores_of_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    told = tmp_path / "cpu.max"
    assert turns.usable_cores(told) == 64
    told.write_text(f"{limit}\n")
    assert turns.usable_cores(told) == cores


def test_a_turn_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_TURN_S", 0.0)

    async def test() -> None:
        all_turns = Turns(1)
        first, second, third = (all_turns.ask("a") for _ in range(3))
        await third.came
        assert came(first, second) == [True, True]

    run(test)


class Gate:
    """Where each worker of a daemon waits before it starts, until the test lets it go on."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._listener.settimeout(TIMEOUT_S)
        self._held: dict[int, socket.socket] = {}

    def hold(self) -> int:
        """The process id of the next that is there."""
        connection, _ = self._listener.accept()
        connection.settimeout(TIMEOUT_S)
        pid = int(connection.recv(32))
        self._held[pid] = connection
        return pid

    def release(self, pid: int) -> None:
        with self._held.pop(pid) as connection:
            connection.send(b"\1")

    def is_empty(self) -> bool:
        """Whether nobody is there who was not held."""
        return not select.select([self._listener], [], [], 0)[0]

    def close(self) -> None:
        for connection in (*self._held.values(), self._listener):
            connection.close()


@pytest.fixture
def gate(home: Path, run_script: Callable[[str], Any]) -> Iterator[Gate]:
    """A gate, and a daemon that starts two workers at a time behind it."""
    path = home / "gate"
    with contextlib.closing(Gate(path)) as gate:
        script = run_script(GATED.replace("{path!r}", repr(str(path))))
        assert script.process.stdout is not None
        assert select.select([script.process.stdout], [], [], TIMEOUT_S)[0]
        assert os.read(script.process.stdout.fileno(), 1) == b"\1"
        yield gate


def states(session: Session) -> list[str]:
    return sorted(worker["state"] for worker in session.status()["workers"])


def has_queued(session: Session, count: int) -> None:
    """Wait until so many workers wait for their turn; there are never fewer."""
    revision = -1
    for _ in range(60):
        status = session.status(revision, 0.5)
        revision = status["revision"]
        queued = [each for each in status["workers"] if each["state"] == "queued"]
        assert len(queued) >= count
        if len(queued) == count:
            assert {each["waiting_for"] for each in queued} <= {"its turn to start"}
            assert {each["pid"] for each in queued} <= {None}
            return
    raise AssertionError(f"{len(queued)} workers are queued, expected {count}")


@pytest.mark.integration
def test_two_of_six_start_at_once(gate: Gate) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=6)) as session:
        held = [gate.hold(), gate.hold()]
        for queued in (4, 3, 2, 1, 0):
            has_queued(session, queued)
            assert gate.is_empty()
            gate.release(held.pop(0))
            if queued:
                held.append(gate.hold())
        gate.release(held.pop(0))
        session.wait_ready()
        assert states(session) == ["ready"] * 6


@pytest.mark.integration
def test_a_crashed_worker_gives_its_turn_back_and_starts_again(gate: Gate) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=3)) as session:
        held = [gate.hold(), gate.hold()]
        has_queued(session, 1)
        os.kill(held[0], signal.SIGKILL)
        held.append(gate.hold())  # the third's, or the first's again
        gate.release(held[1])
        held.append(gate.hold())
        for pid in held[2:]:
            gate.release(pid)
        session.wait_ready()
        generations = [worker["generation"] for worker in session.status()["workers"]]
        assert sorted(generations) == [1, 1, 2]


@pytest.mark.integration
def test_another_trainer_is_next_and_closing_ends_the_queue(gate: Gate, ends: Any) -> None:
    with Client(private=False) as client:
        many = client.open_session(SessionSpec(**SMALL, num_envs=6))
        held = [gate.hold(), gate.hold()]
        has_queued(many, 4)
        with client.open_session(SessionSpec(**SMALL, num_envs=1)) as one:
            has_queued(one, 1)
            gate.release(held[0])
            pid = gate.hold()
            has_queued(one, 0)
            has_queued(many, 4)
            gate.release(pid)
            one.wait_ready()
            held.append(gate.hold())
            has_queued(many, 3)
        ended = ends(*held[1:])
        many.close()
        assert ended(5.0)
        assert control.status()["sessions"] == []
        assert gate.is_empty()
        with client.open_session(SessionSpec(**SMALL, num_envs=2)) as after:
            gate.release(gate.hold())
            gate.release(gate.hold())
            after.wait_ready()

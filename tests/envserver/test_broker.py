"""A daemon with real workers on the synthetic screen: requests, restarts, ends."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from envserver import messages
from envserver.broker import control
from envserver.client import Client, open_session
from envserver.errors import (
    BrokerUnavailable,
    ProtocolVersionMismatch,
    RequestFailed,
    SessionClosed,
)
from envserver.session import Session
from envserver.settings import resolve_address
from envserver.spec import SessionSpec
from shm.layout import ENTRY_DTYPE
from shm.ring import Ring
from workers.entries import Due, EntryKind

pytestmark = pytest.mark.integration

SMALL: dict[str, Any] = {"source": "synthetic", "width": 64, "height": 64}


def wait_worker(session: Session, env: int, **expected: Any) -> dict[str, Any]:
    """Wait until a worker's status has these values."""
    revision = -1
    for _ in range(60):
        status = session.status(revision, 0.5)
        revision = status["revision"]
        worker: dict[str, Any] = status["workers"][env]
        if all(worker[name] == value for name, value in expected.items()):
            return worker
    raise AssertionError(f"worker {env} is {worker}, expected {expected}")


def step_once(session: Session, ring: Ring, step: int) -> int:
    """Ask all environments for one row; returns how many came."""
    steps = np.zeros(session.num_envs, ENTRY_DTYPE)
    steps["kind"], steps["step"], steps["due"] = EntryKind.STEP, step, Due.NOW
    envs = np.arange(session.num_envs, dtype=np.int32)
    ring.open_step(step)
    ring.send(step, steps, envs, np.zeros(0, ENTRY_DTYPE), np.zeros(0, np.int32))
    return ring.wait(step, session.num_envs, 2**62)


def test_a_session_steps_and_leaves_nothing(daemon: Any, home: Path) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=2, while_resetting="mask")) as session:
        seen: list[int] = []
        session.wait_ready(progress=lambda status: seen.append(status["ready"]))
        assert seen[-1] == 2
        assert session.names == ["synthetic[0]", "synthetic[1]"]
        with Ring(session.segment_fd, session.doorbells) as ring:
            assert step_once(session, ring, 1) == 2
            assert step_once(session, ring, 2) == 2
        status = control.status()
        assert status["pid"] == daemon.pid
        (listed,) = status["sessions"]
        assert listed["trainer_pid"] == os.getpid()
        assert [worker["state"] for worker in listed["workers"]] == ["ready", "ready"]
        assert control.logs(1)["lines"]
        with pytest.raises(RequestFailed, match="has no log"):
            control.logs(1, remote=True)
        assert session.attach(0) == {"name": "synthetic[0]", "vnc": None, "rewarder": None}
    assert control.status()["sessions"] == []
    assert not list((home / "broker.files").iterdir())
    with pytest.raises(SessionClosed, match="is closed"):
        session.wait_ready()
    session.close()


def test_stop_ends_workers_and_files(daemon: Any, home: Path, ends: Any) -> None:
    session = open_session(SessionSpec(**SMALL, num_envs=1))
    session.wait_ready()
    ended = ends(daemon.pid, session.status()["workers"][0]["pid"])
    control.stop()
    assert ended(5.0)
    assert not session.alive
    with pytest.raises(BrokerUnavailable, match="ended"):
        session.status()
    session.close()
    assert list(home.iterdir()) == []
    with pytest.raises(BrokerUnavailable, match="start one with 'envserver serve'"):
        control.status()


def test_a_killed_worker_comes_back(daemon: Any) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=2)) as session:
        session.wait_ready()
        first = session.status()["workers"]
        os.kill(first[0]["pid"], signal.SIGKILL)
        second = wait_worker(session, 0, generation=2, state="ready")
        assert second["pid"] != first[0]["pid"]
        report = session.fault_report(0)
        assert (report["fault"], report["signal"]) == ("WORKER_DIED", signal.SIGKILL)
        assert report["exit_code"] is None
        assert "signal 9" in report["cause"]
        assert report["log"]
        assert session.fault_report(1)["fault"] == "NO_FAULT"
        # A generation that is gone already is not killed again.
        session.kill_worker(0, 1)
        assert session.status()["workers"][0]["generation"] == 2
        session.kill_worker(0, 2)
        with Ring(session.segment_fd, session.doorbells) as ring:
            told = ring.control(0)
            assert told["generation"] == 3 or not told["broker_alive"]
        wait_worker(session, 0, generation=3, state="ready")
        assert session.fault_report(0)["fault"] == "WORKER_SILENT"


def test_a_stopped_worker_is_replaced(daemon: Any) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=1, step_timeout_s=0.8)) as session:
        session.wait_ready()
        os.kill(session.status()["workers"][0]["pid"], signal.SIGSTOP)
        wait_worker(session, 0, generation=2, state="ready")
        report = session.fault_report(0)
        assert report["fault"] == "WORKER_SILENT"
        assert "no heartbeat" in report["cause"]


def test_two_trainers_at_once(daemon: Any, run_script: Callable[[str], Any], ends: Any) -> None:
    other = run_script(
        "import sys\n"
        "from envserver.client import open_session\n"
        "from envserver.spec import SessionSpec\n"
        f"session = open_session(SessionSpec(**{SMALL}, num_envs=2))\n"
        "session.wait_ready()\n"
        "print(session.token)\n"
        "sys.stdin.read()\n"
    )
    token = other.line()
    with open_session(SessionSpec(**SMALL, num_envs=1)) as session:
        session.wait_ready()
        sessions = control.status()["sessions"]
        assert sorted(each["trainer_pid"] for each in sessions) == sorted((os.getpid(), other.pid))
        theirs = next(each for each in sessions if each["trainer_pid"] == other.pid)
        # A session belongs to the connection that opened it.
        session.token, own = token, session.token
        with pytest.raises(SessionClosed, match="belongs to another trainer"):
            session.kill_worker(0, 1)
        session.token = own
        ended = ends(*(worker["pid"] for worker in theirs["workers"]))
        other.end()
        assert ended(5.0)
        assert session.status()["ready"] == 1


def test_workers_end_with_a_killed_daemon(daemon: Any, ends: Any) -> None:
    session = open_session(SessionSpec(**SMALL, num_envs=2))
    session.wait_ready()
    ended = ends(*(worker["pid"] for worker in session.status()["workers"]))
    os.kill(daemon.pid, signal.SIGKILL)
    assert ended(5.0)
    assert not session.alive
    with pytest.raises(BrokerUnavailable):
        session.fault_report(0)
    session.close()


def test_an_address_has_one_daemon(daemon: Any, run_script: Callable[[str], Any]) -> None:
    second = run_script(
        "from envserver.broker.control import serve\n"
        "from envserver.errors import BrokerUnavailable\n"
        "try:\n    serve()\nexcept BrokerUnavailable as error:\n    print(error)\n"
    )
    assert f"a daemon (process {daemon.pid}) serves" in second.line()


def test_a_daemon_starts_where_another_was_killed(
    daemon: Any, run_script: Callable[[str], Any], home: Path
) -> None:
    with Client(private=False) as client:
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.process.wait()
        assert (home / "broker.lease").exists()
        with pytest.raises(BrokerUnavailable):
            client.status()
    again = run_script(
        "import os\nfrom envserver.broker.main import run\nrun(ready_fd=os.dup(1))\n"
    )
    assert again.process.stdout.read(1) == b"\1"
    assert control.status()["pid"] == again.pid


def test_hello_comes_first_and_versions_must_match(daemon: Any) -> None:
    address = resolve_address()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as lease,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as dealer,
    ):
        lease.connect(str(address.lease))
        greeting = messages.unpack(lease.recv(4096))
        assert greeting["protocol_version"] == messages.PROTOCOL_VERSION
        dealer.connect(address.url)
        dealer.linger = 0

        def ask(method: Any, params: Any) -> Any:
            dealer.send(msgpack.packb({"id": 7, "method": method, "params": params}))
            assert dealer.poll(5000)
            reply = messages.unpack(dealer.recv())
            assert reply["id"] == 7
            return reply.get("error") or reply["result"]

        assert "before hello" in ask("status", {})["message"]
        newer = {"protocol_version": messages.PROTOCOL_VERSION + 1, "lease": greeting["lease"]}
        refused = ask("hello", newer)
        assert refused["code"] == "version"
        assert "the daemon is older: upgrade envserver there" in refused["message"]
        current = messages.PROTOCOL_VERSION
        unknown = ask("hello", {"protocol_version": current, "lease": "guess"})
        assert "lease is unknown" in unknown["message"]
        hello = {"protocol_version": current, "lease": greeting["lease"]}
        assert ask("hello", hello) == {"protocol_version": current}
        assert "method is 'dance', known are" in ask("dance", {})["message"]
        assert ask("logs", {"env": 0})["code"] == "argument"
        assert ask("status", [])["code"] == "argument"
        assert ask("close_session", {"token": "guess"})["code"] == "closed"
        dealer.send(b"\xc1 no msgpack")
        assert dealer.poll(5000)
        assert "no msgpack" in messages.unpack(dealer.recv())["error"]["message"]
        assert ask("status", {})["pid"] == daemon.pid


def test_an_older_trainer_is_told_so(daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PROTOCOL_VERSION", 0)
    with pytest.raises(ProtocolVersionMismatch, match="the trainer is older: upgrade envserver"):
        Client(private=False)


def test_too_much_memory_is_refused(daemon: Any) -> None:
    with Client(private=False) as client:
        spec = SessionSpec(source="synthetic", num_envs=4000, slots=4000)
        with pytest.raises(RequestFailed, match=r"MB.*fewer slots"):
            client.open_session(spec)
        assert client.status()["sessions"] == []


def test_nothing_listens_at_an_attached_address(daemon: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    spec = SessionSpec(remotes=f"127.0.0.1:{port}?password=hidden", start_timeout_s=0.3)
    with open_session(spec) as session:
        with pytest.raises(Exception, match=rf"127\.0\.0\.1:{port} did not start") as raised:
            session.wait_ready(20.0)
        assert "hidden" not in str(raised.value)


def test_an_unknown_environment(daemon: Any) -> None:
    spec = SessionSpec(runtime="gym-core", env_id="Nope-v0", num_envs=2)
    with (
        open_session(spec) as session,
        pytest.raises(Exception, match=r"gym-core\[[01]\] did not start: .*Nope"),
    ):
        session.wait_ready(30.0)

"""Choosing a daemon, interrupting it, and remotes that die behind it."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from envserver.client import Client, open_session
from envserver.errors import BrokerUnavailable, SessionClosed, StartError
from envserver.session import Session
from envserver.spec import SessionSpec

pytestmark = pytest.mark.integration

SMALL: dict[str, Any] = {"source": "synthetic", "width": 64, "height": 64}
CARTPOLE = SessionSpec(
    runtime="gym-core", env_id="CartPole-v1", num_envs=2, vnc_kwargs={"encoding": "raw"}
)


def wait_fault(session: Session, env: int, generation: int) -> dict[str, Any]:
    """Wait until an environment runs in a generation again; returns what it had died of."""
    revision = -1
    for _ in range(60):
        status = session.status(revision, 0.5)
        revision = status["revision"]
        worker = status["workers"][env]
        if worker["state"] == "ready" and worker["generation"] >= generation:
            return session.fault_report(env)
    raise AssertionError(f"environment {env} did not come back: {worker}")


def test_a_running_daemon_is_used(daemon: Any) -> None:
    with Client() as client:
        assert client.daemon_pid is None
        assert client.status()["pid"] == daemon.pid


def test_a_private_daemon_where_none_runs(home: Path) -> None:
    with Client() as client:
        assert client.daemon_pid is not None
        assert client.daemon_pid == client.status()["pid"]
        assert psutil.Process(client.daemon_pid).ppid() == os.getpid()
    with pytest.raises(SessionClosed, match="connection to the daemon is closed"):
        client.status()
    assert list(home.iterdir()) == []


def test_no_private_daemon_for_an_address(home: Path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"no daemon runs at ipc:///.*/other"):
        Client(f"ipc://{home}/other")
    with pytest.raises(BrokerUnavailable, match="envserver serve"):
        Client(private=False)
    with pytest.raises(ValueError, match="private is True"):
        Client(f"ipc://{home}/other", private=True)


def test_a_private_daemon_that_cannot_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVSERVER_LOG_DIRECTORY", "/proc/nowhere")
    with pytest.raises(
        BrokerUnavailable,
        match=r"could not start\n +ENVSERVER_LOG_DIRECTORY is '/proc/nowhere', which .*: No such",
    ):
        Client(private=True)
    assert list(home.iterdir()) == []


def test_a_directory_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(home / "file" / "under"))
    with pytest.raises(BrokerUnavailable, match="/file/under cannot be written: Not a directory;"):
        Client(private=True)


def test_a_directory_that_is_open_to_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "open").mkdir()
    (home / "open").chmod(0o755)
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(home / "open"))
    with pytest.raises(
        BrokerUnavailable,
        match=r"started: \S+/open is open to others \(its mode is 755\): chmod 700",
    ):
        Client(private=True)


def test_logs_may_be_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVSERVER_LOG_DIRECTORY", str(home / "logs"))
    with open_session(SessionSpec(**SMALL, num_envs=1), private=True) as session:
        session.wait_ready()
    (directory,) = (home / "logs").iterdir()
    assert "-- worker of synthetic[0], generation 1" in (directory / "worker-0.log").read_text()


def test_ctrl_c_while_waiting(daemon: Any) -> None:
    spec = SessionSpec(remotes="127.0.0.1:1", num_envs=1)  # nothing listens: it is tried for long
    with open_session(spec) as session:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.wait_ready()
        timer.join()
        # The reply that nobody waited for is not taken for the next one's.
        assert session.fault_report(0)["name"] == "127.0.0.1:1"


def test_a_late_start_names_who_is_late(daemon: Any) -> None:
    with (
        open_session(SessionSpec(remotes="127.0.0.1:1", num_envs=1)) as session,
        pytest.raises(StartError, match=r"0 of 1 remotes .* \(127\.0\.0\.1:1: .*start_timeout_s"),
    ):
        session.wait_ready(0.2)


def test_threads_may_share_a_session(daemon: Any) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=2)) as session:
        session.wait_ready()
        names: list[str] = []
        threads = [
            threading.Thread(
                target=lambda env: names.extend(
                    session.fault_report(env)["name"] for _ in range(20)
                ),
                args=(thread % 2,),
            )
            for thread in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(names) == ["synthetic[0]"] * 40 + ["synthetic[1]"] * 40


def test_environments_are_checked(daemon: Any) -> None:
    with open_session(SessionSpec(**SMALL, num_envs=2)) as session:
        with pytest.raises(ValueError, match="env is 2, expected 0 to 1"):
            session.fault_report(2)
        with pytest.raises(ValueError, match="env is -1"):
            session.send_reset(1, {-1: {}})
        session.send_reset(1, {0: {"seed": 3}, 1: {"options": {"a": [1.5, "b"]}}})


def test_a_remote_that_dies_comes_back(daemon: Any, ends: Any) -> None:
    with open_session(CARTPOLE) as session:
        session.wait_ready(30.0)
        assert session.describe["num_actions"] == 2
        port = session.attach(0)["vnc"]["port"]
        (remote,) = listeners(port)
        host = psutil.Process(remote).ppid()
        os.kill(remote, signal.SIGKILL)
        report = wait_fault(session, 0, 2)
        assert report["fault"] == "REMOTE_DIED"
        assert "-9" in report["cause"]
        assert (report["exit_code"], report["signal"]) == (None, signal.SIGKILL)
        assert session.attach(0)["vnc"]["port"] != port
        assert session.fault_report(1)["fault"] == "NO_FAULT"
        # All of a session's remotes are the host's children.
        ended = ends(host)
        os.kill(host, signal.SIGKILL)
        for env, generation in ((0, 3), (1, 2)):
            assert wait_fault(session, env, generation)["fault"] == "REMOTE_DIED"
        assert ended(0.0)


def listeners(port: int) -> list[int]:
    """The processes that listen on a port of 127.0.0.1."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {
        f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")
    }
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in sockets for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_ctrl_c_while_opening(daemon: Any) -> None:
    with Client() as client:
        os.kill(daemon.pid, signal.SIGSTOP)
        interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        go_on = threading.Timer(0.4, os.kill, (daemon.pid, signal.SIGCONT))
        interrupt.start()
        go_on.start()
        with pytest.raises(KeyboardInterrupt):
            client.open_session(SessionSpec(**SMALL, num_envs=1))
        interrupt.join()
        go_on.join()
        assert client.status()["sessions"] == []
        # Descriptors of the session that was given up are not taken for this one's.
        with client.open_session(SessionSpec(**SMALL, num_envs=1)) as session:
            session.wait_ready()


def test_a_call_in_the_midst_of_a_call(daemon: Any) -> None:
    """As the garbage collector does it, at any place."""
    with Client() as client:
        outer = client.open_session(SessionSpec(**SMALL, num_envs=1))
        outer.wait_ready()
        inner = client.open_session(SessionSpec(**SMALL, num_envs=1))
        previous = signal.signal(signal.SIGALRM, lambda *_: inner.close())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            status = outer.status(outer.status()["revision"], 0.3)
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert inner.closed
        assert status["ready"] == 1
        assert len(client.status()["sessions"]) == 1

"""Spares: ready remotes that take over when one ends, or when a reset asks for another."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import envserver
from envserver.errors import ResetFailed
from envserver.session import Session
from envserver.vector_env import VectorEnv

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

SIZE = (640, 480)


def status(envs: VectorEnv) -> dict[str, Any]:
    from envserver.broker import control

    session = cast(Session, envs.session)
    (found,) = control.status(session._channel.address.url)["sessions"]
    return cast("dict[str, Any]", found)


def await_spares(envs: VectorEnv, count: int, limit_s: float = 30.0) -> None:
    """Watch the daemon until so many spares are ready."""
    until = time.monotonic() + limit_s
    session = cast(Session, envs.session)
    while status(envs)["spares"] != count:
        assert time.monotonic() < until, f"{status(envs)['spares']} spares"
        session.status(session.status()["revision"], 0.05)  # waits a little, or for news


def port(envs: VectorEnv, env: int) -> int:
    return int(cast(Session, envs.session).attach(env)["vnc"]["port"])


def workers(envs: VectorEnv) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cast(Session, envs.session).status()["workers"]
    return found


Make = Callable[..., VectorEnv]


@pytest.fixture
def make() -> Any:
    made: list[VectorEnv] = []

    def one(name: str, num_envs: int, **options: Any) -> VectorEnv:
        made.append(envserver.make_vec(name, num_envs, screen=SIZE, **options))
        return made[-1]

    yield one
    for envs in made:
        envs.close()


@pytest.mark.parametrize("name", ["gym-core.CartPole-v1", "terminal.CreateFile-v0"])
def test_a_fresh_reset_takes_the_spare(make: Make, name: str) -> None:
    envs = make(name, 2, spares=1, fps=30)
    envs.reset()
    await_spares(envs, 1)
    before, pids = [port(envs, env) for env in range(2)], [each["pid"] for each in workers(envs)]
    only_first = {"reset_mask": np.array([True, False])}
    _, infos = envs.reset(options={"fresh": True, **only_first})
    assert infos["valid"].all()
    assert port(envs, 0) != before[0]
    assert port(envs, 1) == before[1]
    # The worker stayed; the next spare is booted behind it, and is another one.
    assert [each["pid"] for each in workers(envs)] == pids
    used = {before[0], port(envs, 0)}
    for _ in range(5):
        *_, infos = envs.step([()] * 2 if "terminal" in name else np.zeros(2, dtype=np.int64))
        assert infos["fault"].tolist() == [None, None] if "fault" in infos else True
    await_spares(envs, 1)
    envs.reset(options={"fresh": True, **only_first})
    assert port(envs, 0) not in used
    assert [each["generation"] for each in workers(envs)] == [1, 1]


def test_without_a_spare_a_fresh_reset_boots(make: Make) -> None:
    envs = make("gym-core.CartPole-v1", 1, clock="step")
    first, _ = envs.reset(seed=3)
    first, before = first.copy(), port(envs, 0)
    again, infos = envs.reset(seed=3, options={"fresh": True})
    assert port(envs, 0) != before
    assert infos["valid"].all()
    np.testing.assert_array_equal(again[:, :400], first[:, :400])  # below is text
    *_, infos = envs.step([0])
    assert infos["valid"].all()
    assert status(envs)["spares"] == 0


def test_a_spare_takes_over_from_one_that_ended(make: Make) -> None:
    envs = make("gym-core.CartPole-v1", 1, spares=1, fps=30)
    envs.reset()
    await_spares(envs, 1)
    before = port(envs, 0)
    os.kill(listeners(envs)[before], signal.SIGKILL)
    faults = 0
    for _ in range(300):
        *_, infos = envs.step(np.zeros(1, dtype=np.int64))
        faults += "fault" in infos
        if faults and infos["valid"].all() and workers(envs)[0]["state"] == "ready":
            break
    assert faults == 1
    assert port(envs, 0) != before
    await_spares(envs, 1)


def test_a_spare_that_ended_is_replaced(make: Make) -> None:
    envs = make("gym-core.CartPole-v1", 1, spares=1, fps=30)
    await_spares(envs, 1)
    mine = listeners(envs)[port(envs, 0)]
    (spare,) = {pid for pid in listeners(envs).values() if pid != mine}
    os.kill(spare, signal.SIGKILL)
    until = time.monotonic() + 30.0
    while not set(listeners(envs).values()) - {mine, spare}:
        assert time.monotonic() < until, "no other spare was started"
    await_spares(envs, 1)
    envs.reset(options={"fresh": True})
    assert listeners(envs)[port(envs, 0)] not in (mine, spare)


def test_a_fresh_remote_that_does_not_start(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    envs = make("gym-core.CartPole-v1", 1, fps=30, reset_timeout_s=5)
    envs.reset()
    # The host, which starts remotes, ends: its next one is a fresh host, and it works again.
    (host,) = {pid for pid in descendants(envs) if is_host(pid)}
    os.kill(host, signal.SIGSTOP)
    try:
        with pytest.raises(ResetFailed, match=r"environment 0 \(gym-core"):
            envs.reset(options={"fresh": True})
    finally:
        os.kill(host, signal.SIGCONT)
    _, infos = envs.reset()
    assert infos["valid"].all()


def test_spares_of_attached_remotes() -> None:
    with pytest.raises(ValueError, match="spares is 1, expected 0: the remotes were attached"):
        envserver.make_vec(remotes="127.0.0.1:5900", spares=1)
    with pytest.raises(ValueError, match="spares is -1, expected a whole number from 0 to 64"):
        envserver.make_vec("gym-core.Pong-v0", spares=-1)


def descendants(envs: VectorEnv) -> set[int]:
    import psutil

    assert envs.daemon_pid is not None
    return {child.pid for child in psutil.Process(envs.daemon_pid).children(recursive=True)}


def is_host(pid: int) -> bool:
    import psutil

    process = psutil.Process(pid)
    return (
        "--control-fd" in process.cmdline()
        and "workers" not in process.cmdline()
        and bool(process.children())
    )


def listeners(envs: VectorEnv) -> dict[int, int]:
    """Who of the session's processes listens on which port."""
    import psutil

    found = {}
    for pid in descendants(envs):
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(pid).net_connections("tcp"):
                if each.status == "LISTEN" and each.laddr:
                    found[int(each.laddr[1])] = pid
    return found

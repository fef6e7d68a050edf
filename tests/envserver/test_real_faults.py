"""Done, fault, late and slow reset in every autoreset mode, with real workers and remotes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.gym_core_host import GymCoreHost
from gymnasium.error import ResetNeeded

import envserver
from envserver.due import AT
from envserver.session import Session
from envserver.vector_env import VectorEnv
from shm.ring import Ring
from workers.entries import Fault

pytestmark = pytest.mark.integration

MODES = ["next_step", "same_step", "disabled"]
SHORT, LONG = "gym-core.CartPole-v1", "gym-core.Acrobot-v1"
"""Episodes of some ten steps without an action, and of 500."""
Make = Callable[..., VectorEnv]


@pytest.fixture(scope="module")
def host() -> Iterator[GymCoreHost]:
    made = GymCoreHost()
    yield made
    made.close()


@pytest.fixture
def make(host: GymCoreHost, home: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Two games in real time, which the host knows by the test's name and their places."""
    made: list[VectorEnv] = []

    def build(env_id: str = SHORT, **arguments: Any) -> VectorEnv:
        names = [f"{request.node.name}-{place}" for place in range(2)]
        addresses = [host.start(name, env_id) for name in names]
        envs = envserver.make_vec(remotes="vnc://" + ",".join(addresses), fps=60, **arguments)
        made.append(envs)
        envs.reset()
        return envs

    yield build
    for envs in made:
        envs.close()


Step = tuple[Any, Any, Any, Any, dict[str, Any]]


def step(envs: VectorEnv) -> Step:
    return envs.step([[], []])


def worker_pids(envs: VectorEnv) -> list[int]:
    assert isinstance(envs.session, Session)
    return [worker["pid"] for worker in envs.session.status()["workers"]]


def stop(pid: int) -> None:
    """Stop a process; at the return all of its threads stand still, between two rows."""
    os.kill(pid, signal.SIGSTOP)
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    while any((thread / "stat").read_text().rpartition(") ")[2][0] != "T" for thread in threads):
        os.sched_yield()


def until(envs: VectorEnv, what: Callable[[Step], bool], seconds: float = 8.0) -> Step:
    """Step until `what` holds; episodes that end meanwhile are reset where nobody else does."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        stepped = step(envs)
        if what(stepped):
            return stepped
        ended = stepped[2] | stepped[3]
        if envs.autoreset_mode.name == "DISABLED" and ended.any():
            envs.reset(options={"reset_mask": ended})
    raise AssertionError("it never happened")


@pytest.mark.parametrize("mode", MODES)
def test_done(make: Make, mode: str) -> None:
    envs = make(autoreset_mode=mode)
    _, rewards, terminated, truncated, infos = until(envs, lambda stepped: stepped[2].any())
    env = int(np.flatnonzero(terminated)[0])
    assert not truncated[env]
    assert "fault" not in infos
    episode = infos["episode_id"][env]
    if mode == "same_step":
        assert infos["_final_obs"][env]
        assert infos["final_obs"][env].shape == envs.single_observation_space.shape
        assert infos["valid"].all()
    elif mode == "next_step":
        _, rewards, terminated, _, infos = step(envs)
        assert (rewards[env], bool(terminated[env])) == (0.0, False)
        assert infos["episode_id"][env] > episode
    else:
        with pytest.raises(ResetNeeded, match=str(env)):
            step(envs)
        _, infos = envs.reset(options={"reset_mask": terminated})
        assert infos["episode_id"][env] > episode
        assert infos["valid"].all()


@pytest.mark.parametrize("mode", MODES)
def test_fault(make: Make, host: GymCoreHost, mode: str, request: pytest.FixtureRequest) -> None:
    # SAME_STEP reports the loss with the next episode's picture, which does not come in time.
    envs = make(LONG, autoreset_mode=mode, reset_timeout_s=1.5 if mode == "same_step" else 8)
    host.misbehave(f"{request.node.name}-1", vnc="close_in_rectangle")
    lost = until(envs, lambda stepped: "fault" in stepped[4])
    infos = lost[4]
    assert list(np.flatnonzero(infos["_fault"])) == [1]
    assert infos["fault"][1]["fault"] == Fault.CONNECTION_LOST.name
    assert "connection" in infos["fault"][1]["cause"]
    assert lost[3][1]
    assert not lost[2][1]
    host.misbehave(f"{request.node.name}-1")
    if mode == "disabled":
        _, infos = envs.reset(options={"reset_mask": np.array([False, True])})
        assert infos["valid"][1]
    else:
        until(envs, lambda stepped: stepped[4]["valid"].all())
    assert until(envs, lambda stepped: True)[4]["valid"].all()


@pytest.mark.parametrize("mode", MODES)
def test_late(make: Make, mode: str) -> None:
    envs = make(LONG, autoreset_mode=mode)
    worker = worker_pids(envs)[1]
    stop(worker)
    try:
        observations, _, terminated, truncated, infos = until(
            envs, lambda stepped: bool(stepped[4]["late"][1])
        )
        frozen = observations[1].copy()
        assert not terminated[1]
        assert not truncated[1]
        assert "fault" not in infos
        assert np.array_equal(step(envs)[0][1], frozen)
    finally:
        os.kill(worker, signal.SIGCONT)
    until(envs, lambda stepped: not stepped[4]["late"].any())


def unread_bytes(pid: int) -> int:
    """What lies in the TCP sockets of a process."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:")}
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    queues = {fields[9]: fields[4] for fields in map(str.split, lines)}
    return sum(int(queues[each].partition(":")[2], 16) for each in inodes & set(queues))


def test_a_row_that_is_overdue_has_what_was_read_in_time(make: Make) -> None:
    envs = make(LONG, late_after_ms=5000)
    worker = worker_pids(envs)[1]
    control = Ring(envs.session.segment_fd, envs.session.doorbells).controls()[1]
    due_ns = time.monotonic_ns() + 300_000_000
    envs.send([[], []], due=AT(due_ns))
    while control["tail"] != control["head"]:
        os.sched_yield()
    stop(worker)
    stopped_ns = time.monotonic_ns()
    try:
        assert stopped_ns < due_ns
        while unread_bytes(worker) == 0 or time.monotonic_ns() < due_ns + 1_000_000:
            os.sched_yield()
    finally:
        os.kill(worker, signal.SIGCONT)
    overdue = envs.recv().records[1]
    assert not overdue["late"]
    assert overdue["server_ns"] <= stopped_ns < overdue["published_ns"]
    envs.send([[], []])
    assert envs.recv().records[1]["server_ns"] > stopped_ns


@pytest.mark.parametrize("while_resetting", ["wait", "mask"])
@pytest.mark.parametrize("mode", MODES)
def test_slow_reset(
    make: Make,
    host: GymCoreHost,
    mode: str,
    while_resetting: str,
    request: pytest.FixtureRequest,
) -> None:
    envs = make(autoreset_mode=mode, while_resetting=while_resetting)
    for place in range(2):
        host.misbehave(f"{request.node.name}-{place}", reset_delay_s=0.4)
    stepped = until(envs, lambda stepped: stepped[2].any())
    env = int(np.flatnonzero(stepped[2])[0])
    if mode == "disabled":
        began_s = time.monotonic()
        ended = stepped[2] | stepped[3]
        _, infos = envs.reset(options={"reset_mask": ended})
        if while_resetting == "wait":
            assert infos["valid"].all()
            assert time.monotonic() - began_s >= 0.3
        return
    if while_resetting == "wait":
        assert step(envs)[4]["valid"][env]
        return
    _, rewards, terminated, truncated, infos = step(envs)
    assert not infos["valid"][env]
    assert (rewards[env], bool(terminated[env] | truncated[env])) == (0.0, False)
    until(envs, lambda stepped: bool(stepped[4]["valid"][env]))


def test_dead_and_stopped_workers_come_back(make: Make) -> None:
    envs = make(LONG, step_timeout_s=1.0)
    workers = worker_pids(envs)
    os.kill(workers[0], signal.SIGKILL)
    infos = until(envs, lambda stepped: "fault" in stepped[4])[4]
    assert infos["fault"][0]["fault"] == Fault.WORKER_DIED.name
    assert infos["fault"][0]["signal"] == signal.SIGKILL
    os.kill(workers[1], signal.SIGSTOP)
    infos = until(envs, lambda stepped: "fault" in stepped[4])[4]
    assert infos["fault"][1]["fault"] == Fault.WORKER_SILENT.name
    until(envs, lambda stepped: stepped[4]["valid"].all())
    assert not set(worker_pids(envs)) & set(workers)

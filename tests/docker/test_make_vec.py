"""Environments on containers, from the trainer's side: rows, faults, and what is left behind."""

import os
import select
import signal
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from fakes.containers import containers
from fakes.script import Script

import envserver
from envserver.errors import StartError
from envserver.remotes import engine
from envserver.remotes.engine import Engine

pytestmark = pytest.mark.docker

STEPS = 400
TRAINER = """
import envserver
envs = envserver.make_vec("xvnc.Desktop-v0", 2, provider="docker", screen=(320, 240))
envs.reset(seed=0)
print(envs.daemon_pid)
input()
"""
DAEMON = """
import envserver
envs = envserver.make_vec("gym-core.CartPole-v1", 1, provider="process", screen=(640, 480))
print(envs.daemon_pid)
input()
"""


def ours(found: Engine, owner_pid: int | None) -> list[dict[str, Any]]:
    """The containers of one daemon."""
    return [
        each
        for each in containers(found)
        if each["Labels"].get(engine.OWNER_LABEL, "").startswith(f"{owner_pid}:")
    ]


@pytest.mark.parametrize("name", ["gym-core.CartPole-v1", "terminal.CreateFile-v0"])
def test_rows_arrive(name: str, docker_engine: Engine) -> None:
    options: dict[str, Any] = {"autoreset_mode": "disabled"} if "CartPole" in name else {}
    made = envserver.make_vec(name, 2, provider="docker", screen=(640, 480), **options)
    with closing(made) as envs:
        observations, _ = envs.reset(seed=3)
        assert observations.shape == (2, 480, 640, 3)
        assert all(len(np.unique(frame)) > 1 for frame in observations)
        assert len(ours(docker_engine, envs.daemon_pid)) == 2
        observations, *_ = envs.step(envs.action_space.sample())
        assert observations.shape == (2, 480, 640, 3)
        daemon_pid = envs.daemon_pid
    assert ours(docker_engine, daemon_pid) == []


def test_the_step_clock_runs_in_containers() -> None:
    def play() -> list[bytes]:
        made = envserver.make_vec(
            "gym-core.CartPole-v1", 1, provider="docker", screen=(640, 480), clock="step"
        )
        with closing(made) as envs:
            frames = [envs.reset(seed=5)[0]]
            frames += [envs.step(np.array([action]))[0].copy() for action in (0, 1, 1, 0)]
            # Below the picture stands which episode it is of all that were since the start.
            return [frame[:, :400].tobytes() for frame in frames]

    assert play() == play()


def test_a_killed_container_comes_back(docker_engine: Engine) -> None:
    made = envserver.make_vec(
        "xvnc.Desktop-v0", 2, provider="docker", screen=(320, 240), while_resetting="mask"
    )
    with closing(made) as envs:
        envs.reset(seed=0)
        [victim] = [
            each
            for each in ours(docker_engine, envs.daemon_pid)
            if each["Labels"][engine.ENV_LABEL] == "1"
        ]
        docker_engine.api.kill(victim["Id"])
        truncations, faults, was_away = np.zeros(2, int), [], False
        for _ in range(STEPS * 4):
            _, rewards, terminated, truncated, infos = envs.step([[], []])
            truncations += truncated
            assert not terminated.any()
            assert not rewards.any()
            if "fault" in infos and infos["_fault"][1]:
                faults.append(infos["fault"][1])
            was_away = was_away or (truncations[1] > 0 and not infos["valid"][1])
            if was_away and infos["valid"].all():
                break
        assert was_away
        assert infos["valid"].all()
        assert truncations.tolist() == [0, 1]
        assert len(faults) == 1
        assert "ended by signal 9" in str(faults[0])
        assert len(ours(docker_engine, envs.daemon_pid)) == 2


def test_nothing_is_left_when_the_trainer_is_killed(
    run_script: Callable[[str], Script], docker_engine: Engine
) -> None:
    trainer = run_script(TRAINER)
    daemon_pid = int(trainer.line())
    assert len(ours(docker_engine, daemon_pid)) == 2
    pidfd = os.pidfd_open(daemon_pid)
    try:
        trainer.process.kill()
        assert select.select([pidfd], [], [], 30)[0]
    finally:
        os.close(pidfd)
    assert ours(docker_engine, daemon_pid) == []


def test_nothing_is_left_after_the_next_daemon_when_one_is_killed(
    run_script: Callable[[str], Script], docker_engine: Engine
) -> None:
    trainer = run_script(TRAINER)
    daemon_pid = int(trainer.line())
    events = docker_engine.api.events(
        filters={"label": engine.OWNER_LABEL, "event": "destroy"}, decode=True
    )
    os.kill(daemon_pid, signal.SIGKILL)
    left = {each["Id"] for each in ours(docker_engine, daemon_pid)}
    assert len(left) == 2
    trainer.process.kill()
    run_script(DAEMON).line()
    for event in events:
        left.discard(event["Actor"]["ID"])
        if not left:
            break
    events.close()
    events._response.close()
    assert ours(docker_engine, daemon_pid) == []


def test_the_trainer_hears_why_a_container_did_not_start() -> None:
    command = ["sh", "-c", "echo there is no display; exit 3"]
    with pytest.raises(StartError) as raised:
        envserver.make_vec("xvnc.Desktop-v0", 1, provider="docker", container={"command": command})
    assert "ended with status 3" in str(raised.value)
    assert "there is no display" in str(raised.value)


def test_the_trainer_hears_that_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    with pytest.raises(StartError, match=r"no Docker engine answers .* provider='process'"):
        envserver.make_vec("gym-core.Pong-v0", 1, provider="docker")

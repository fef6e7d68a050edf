"""Every form of `remotes=`, end to end, with remotes that somebody else started."""

import os
import signal
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fakes.standalone import Standalone

import envserver
from envserver.errors import ResetFailed, StartError
from envserver.session import Session
from envserver.vector_env import VectorEnv

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

STEPS = 60

Start = Callable[..., Standalone]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Standalone] = []

    def one(**fields: str) -> Standalone:
        started.append(Standalone(**fields))
        return started[-1]

    yield one
    for each in started:
        each.close()


@pytest.fixture
def attach() -> Iterator[Callable[[str], VectorEnv]]:
    made: list[VectorEnv] = []

    def connect(remotes: str) -> VectorEnv:
        made.append(
            envserver.make_vec(remotes=remotes, screen=(640, 480), fps=60, start_timeout_s=10)
        )
        return made[-1]

    yield connect
    for envs in made:
        envs.close()


def play(envs: VectorEnv) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reset and step, each row valid: summed rewards, who showed a picture, who has a rewarder."""
    observations, infos = envs.reset()
    rewards = np.zeros(envs.num_envs)
    seen = np.zeros(envs.num_envs, dtype=bool)
    valid = infos["valid"].copy()
    for _ in range(STEPS):
        observations, reward, terminated, truncated, infos = envs.step([()] * envs.num_envs)
        rewards += reward
        seen |= observations.any(axis=(1, 2, 3))
        valid &= infos["valid"] | terminated | truncated
    assert valid.all()
    return rewards, seen, infos["rewarder"]


def test_both_servers_only_one_and_mixed_lists(
    start: Start, attach: Callable[[str], VectorEnv]
) -> None:
    one, two, three = start(), start(), start()
    rewards, seen, rewarder = play(
        attach(f"vnc://{one.both},vnc://{two.vnc},{three.rewarder}?password=openai")
    )
    assert rewards[0] > 0
    assert seen.tolist() == [True, True, False]  # without VNC the screen stays black
    assert rewarder.tolist() == [True, False, True]
    assert rewards[1] == 0
    assert rewards[2] > 0


def test_passwords_of_each_and_of_all(start: Start, attach: Callable[[str], VectorEnv]) -> None:
    one = start(password="first", rewarder_password="first")
    two = start(password="s,c?nd", rewarder_password="s,c?nd")
    rewards, seen, rewarder = play(
        attach(f"{one.both}?password=first,{two.both}?password=s%2Cc%3Fnd")
    )
    assert (rewards > 0).all()
    assert seen.all()
    assert rewarder.all()


def test_ipv6(start: Start, attach: Callable[[str], VectorEnv]) -> None:
    one = start(host="::1")
    envs = attach(f"vnc://{one.both}")
    rewards, seen, _ = play(envs)
    assert rewards[0] > 0
    assert seen.all()
    assert envs.session.names == [one.both]


@pytest.mark.parametrize("form", ["both", "rewarder"])
def test_a_wrong_password_of_the_rewarder(start: Start, form: str) -> None:
    one = start(rewarder_password="right")
    with pytest.raises(StartError, match=r"rewarder .*password") as raised:
        envserver.make_vec(
            remotes=f"{getattr(one, form)}?password=sesame", screen=(640, 480), start_timeout_s=3
        )
    assert "sesame" not in str(raised.value)
    assert one.rewarder.partition("+")[2] in str(raised.value)


def test_no_rewarder_listens(start: Start) -> None:
    one = start()
    with pytest.raises(StartError, match=r"rewarder 127\.0\.0\.1:1\b"):
        envserver.make_vec(remotes=f"{one.vnc}+1", screen=(640, 480), start_timeout_s=1)


def test_a_name_that_the_remote_does_not_know(
    start: Start, attach: Callable[[str], VectorEnv]
) -> None:
    envs = attach(f"vnc://{start().both}")
    envs.reset()
    assert isinstance(envs.session, Session)
    with pytest.raises(ResetFailed, match=r"gym-core\.Pnog-v0"):
        envs.reset(options={"env_id": "gym-core.Pnog-v0"})
    assert envs.reset()[1]["valid"].all()
    # Nor is the next worker told it.
    os.kill(envs.session.status()["workers"][0]["pid"], signal.SIGKILL)
    assert envs.reset()[1]["valid"].all()
    assert play(envs)[0][0] > 0

"""What is asked wrongly, or where there is no room: one clear error, and nothing stays behind."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)

import envserver
from envserver.due import NOW, QUIET
from envserver.errors import BrokerUnavailable, RequestFailed, StartError

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home", "nothing_left")]

ROOT = Path(__file__).resolve().parents[2]
PONG = "gym-core.Pong-v0"


@pytest.fixture(autouse=True)
def empty_home(home: Path) -> Iterator[None]:
    yield
    assert not list(home.rglob("*"))


def test_order_and_actions() -> None:
    envs = envserver.make_vec(PONG, 2, fps=None, step_timeout_s=2.0)
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: envs.step([0]), ValueError, "a list of 1, expected 2 integers"),
        (lambda: envs.step(np.zeros((2, 2), int)), ValueError, r"shape \(2, 2\).*expected 2 int"),
        (lambda: envs.step(np.zeros(2)), ValueError, "environment 0: action is .*from 0 to 5"),
        (lambda: envs.step([0, 6]), ValueError, "environment 1: action is 6, expected .* 0 to 5"),
        (lambda: envs.step([0, "up"]), ValueError, "environment"),
        (lambda: envs.step(None), ValueError, "actions are None, expected 2"),
        (lambda: envs.step([("Tap", "a")] * 2), ValueError, "expected 2 integers"),
        (lambda: envs.send([0, 0], due=QUIET(-1, 5)), ValueError, "quiet_ms is -1"),
        (lambda: envs.send([0, 0], due=30), ValueError, r"due is 30, expected NOW, AT"),  # type: ignore[arg-type]
        (lambda: envs.send([0], envs=[2]), ValueError, "envs has 2, expected 0 to 1"),
        (lambda: envs.recv(), NoAsyncCallError, r"call send\(actions\) first"),
        (lambda: envs.reset(seed="x"), ValueError, "seed is 'x'"),  # type: ignore[arg-type]
        (lambda: envs.reset(options={"f": print}), ValueError, "option 'f'"),
    ]
    try:
        with pytest.raises(ResetNeeded, match=r"call reset\(\)"):
            envs.step([0, 0])
        envs.reset()
        for wrong, kind, message in cases:
            with pytest.raises(kind, match=message):
                wrong()
        envs.send([0, 0], due=NOW)
        with pytest.raises(AlreadyPendingCallError, match=r"call recv\(\) first"):
            envs.step([0, 0])
        assert envs.recv().infos["valid"].all()
        assert envs.step(np.array([1, 2]))[4]["valid"].all()
    finally:
        envs.close()
    envs.close()
    for call in (envs.reset, lambda: envs.step([0, 0]), envs.recv, envs.render):
        with pytest.raises(ClosedEnvironmentError, match="the environment is closed: make another"):
            call()


def test_no_such_environment() -> None:
    with pytest.raises(StartError, match=r"gym-core\[[01]\] did not start: .*NoSuchGame"):
        envserver.make_vec("gym-core.NoSuchGame-v0", 2)


def test_an_environment_without_keys() -> None:
    with pytest.raises(StartError, match=r"cannot be played by keys; supported are Discrete"):
        envserver.make_vec("gym-core.Pendulum-v1", 1)


def test_a_closed_daemon_is_said(home: Path) -> None:
    envs = envserver.make_vec(PONG, 1, fps=None, step_timeout_s=1.0)

    def step_on() -> None:
        while True:
            envs.step([0])

    try:
        envs.reset()
        psutil.Process(envs.daemon_pid).kill()
        with pytest.raises(BrokerUnavailable, match=r"the daemon .*ended"):
            step_on()
    finally:
        envs.close()


def test_a_fork_of_the_trainer(home: Path) -> None:
    printed = run(
        home,
        """
        envs = envserver.make_vec("gym-core.Pong-v0", 2, fps=None)
        envs.reset()
        child = os.fork()
        if child == 0:
            for call in (lambda: envs.step([0, 0]), envs.reset, envs.session.status):
                try:
                    call()
                except errors.ForkedSession as error:
                    print(error)
            envs.close()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(envs.step([2, 3])[4]["valid"].all())
        """,
    ).splitlines()
    assert [line.split("process")[0] for line in printed[:2]] == ["the environment belongs to "] * 2
    assert printed[0].endswith("make one in this process")
    assert "used in its fork" in printed[2]
    assert printed[3:] == ["True"]


NO_ROOM = {
    "no file": ("RLIMIT_FSIZE, 0", r"no daemon can be started: .*ENVSERVER_DIRECTORY"),
    "no segment": ("RLIMIT_FSIZE, 1 << 20", r"needs 14.7 MB, but /dev/shm cannot hold it.*: use "),
    "few descriptors": ("RLIMIT_NOFILE, 20", r"open files"),
}


@pytest.mark.parametrize("what", NO_ROOM)
def test_no_room(home: Path, what: str) -> None:
    limit, message = NO_ROOM[what]
    printed = run(
        home,
        f"""
        resource.setrlimit(resource.{limit.split(",")[0]}, ({limit.split(",")[1]},) * 2)
        try:
            envserver.make_vec("gym-core.Pong-v0", 2)
        except errors.EnvServerError as error:
            print(error)
        """,
    )
    assert re.search(message, printed), printed


def test_more_memory_than_there_is() -> None:
    with pytest.raises(RequestFailed, match=r"needs .* MB, but .*: use fewer slots"):
        envserver.make_vec(PONG, 2, slots=65536, screen=(4096, 4096))


def run(home: Path, code: str) -> str:
    """Run a script to its end; what it printed."""
    imports = "import os, resource, sys, envserver; from envserver import errors\n"
    done = subprocess.run(
        [sys.executable, "-u", "-c", imports + textwrap.dedent(code)],
        env={**os.environ, "ENVSERVER_DIRECTORY": str(home), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        timeout=30,
        text=True,
        check=True,
    )
    return done.stdout

"""The terminal's environments: solved by keyboard through the public API; nothing for nothing."""

import importlib.util
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import envserver
from envserver.errors import EnvServerError
from envserver.remotes.init import descendants_of
from envserver.session import Session

pytestmark = pytest.mark.integration

SOLVER = Path(__file__).resolve().parents[2] / "examples" / "solvers" / "terminal.py"
NAMES = ("CreateFile-v0", "CountLines-v0", "KillProcess-v0", "Archive-v0")


@pytest.fixture(scope="module")
def solver() -> ModuleType:
    spec = importlib.util.spec_from_file_location("terminal_solver", SOLVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def envs(home: Path) -> Iterator[envserver.VectorEnv]:
    made = envserver.make_vec(
        f"terminal.{NAMES[0]}", num_envs=1, fps=30, screen=(800, 600), provider="process"
    )
    yield made
    made.close()


def test_every_task_is_solved_in_one_kept_remote(
    envs: envserver.VectorEnv, solver: ModuleType
) -> None:
    assert isinstance(envs.session, Session)
    pid = envs.session.status()["workers"][0]["pid"]
    for name in NAMES:
        envs.reset(seed=0, options={"env_id": f"terminal.{name}"})
        assert solver.solve(envs, episodes=3, max_steps=300) == [1.0, 1.0, 1.0], name
    assert envs.session.status()["workers"][0]["pid"] == pid


@pytest.mark.parametrize("name", NAMES)
def test_doing_nothing_gets_nothing(home: Path, solver: ModuleType, name: str) -> None:
    envs = envserver.make_vec(
        f"terminal.{name}", num_envs=1, fps=30, provider="process", max_episode_steps=30
    )
    try:
        assert solver.solve(envs, episodes=2, solve_it=False, max_steps=100) == [0.0, 0.0]
    finally:
        envs.close()


def test_the_goal_is_there_at_once_and_comes_from_the_seed(envs: envserver.VectorEnv) -> None:
    goals = []
    for seed in (3, 4, 3):
        _, infos = envs.reset(seed=seed)
        goals += infos["text"][0]
    assert goals[0] == goals[2] != goals[1]
    assert goals[0].startswith("Create the file ")


def test_an_unknown_environment_is_refused_by_name(envs: envserver.VectorEnv) -> None:
    envs.reset()
    with pytest.raises(EnvServerError, match=r"terminal has no environment 'Nope-v0'"):
        envs.reset(options={"env_id": "terminal.Nope-v0"})


def test_a_rewarder_that_dies_is_a_fault_of_its_remote(envs: envserver.VectorEnv) -> None:
    assert isinstance(envs.session, Session)
    envs.reset()
    for pid in descendants_of(os.getpid()):
        if b"envserver.rewarder" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        _, _, _, truncated, infos = envs.step([[]])
        if truncated[0]:
            break
    assert "rewarder" in infos["fault"][0]["cause"]
    # The whole remote is started anew, since its program ended with the rewarder.
    while not ("text" in infos and infos["valid"][0]):
        assert time.monotonic() < deadline_s
        _, _, _, _, infos = envs.step([[]])
    assert envs.session.status()["workers"][0]["generation"] > 1

"""The guide's program runs as it stands, and can be solved; and so under a name of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envserver
from envserver.errors import ResetFailed, StartError

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "add-your-own-program.md"


@pytest.fixture
def code(tmp_path: Path) -> tuple[str, str]:
    """The task and the trainer; the task is written where its name says."""
    text = GUIDE.read_text()
    task, trainer = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(task.splitlines()) <= 50
    (tmp_path / "numbers_task.py").write_text(task)
    (runtimes,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "own.yml").write_text(runtimes)
    return task, trainer


def test_the_trainer_runs(code: tuple[str, str], home: Path, tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text(code[1])
    environment = {**os.environ, "PYTHONPATH": str(GUIDE.parents[1])}
    done = subprocess.run(
        [sys.executable, "trainer.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert first == "['Type the number that the terminal shows, and Return'] 3"
    assert last.startswith("(2, 768, 1024, 3) [0. 0.]")


def numbers(seed: int) -> list[str]:
    """What the program will show."""
    script = f"RANDOM={seed}; echo $RANDOM $RANDOM $RANDOM"
    return subprocess.check_output(["bash", "-c", script], text=True).split()


def play(envs: Any, env: int, seed: int) -> tuple[float, bool]:
    """Type the right numbers into one environment; its return, and whether the episode ended."""
    typed = [[] for _ in range(envs.num_envs)]  # type: list[list[Any]]
    total = 0.0
    for number in (*numbers(seed), *[""] * 100):
        typed[env] = [("Text", f"{number}\n")] if number else []
        _, rewards, terminated, _, _ = envs.step(typed)
        total += float(rewards[env])
        if terminated[env]:
            return total, True
    return total, False


def test_it_is_solved_by_name(
    code: tuple[str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(tmp_path / "own.yml"))
    monkeypatch.setenv("PYTHONPATH", f"{GUIDE.parents[1]}{os.pathsep}{tmp_path}")
    envs = envserver.make_vec("numbers.Type-v0", num_envs=2, fps=30, screen=(640, 480))
    try:
        envs.reset(seed=[5, 6])
        assert play(envs, 1, 6) == (3.0, True)
    finally:
        envs.close()


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], str]:
    """A task whose method does what is said."""

    def write(method: str, body: str) -> str:
        path = tmp_path / "broken_task.py"
        path.write_text(
            "from envserver.rewarder import Task\n"
            "class Broken(Task):\n"
            "    fps = 50\n"
            "    count = 0\n"
            f"    reset = lambda self, seed, options: {body if method == 'reset' else None}\n"
            f"    tick = lambda self: {body if method == 'tick' else None}\n"
        )
        return f"{path}:Broken"

    return write


def test_a_task_that_cannot_begin_says_why(home: Path, broken: Callable[[str, str], str]) -> None:
    task = broken("reset", "1 / 0")
    envs = envserver.make_vec("xvnc", task=task, screen=(320, 240), reset_timeout_s=1.0)
    try:
        with pytest.raises(ResetFailed, match="Broken: reset: ZeroDivisionError"):
            envs.reset()
    finally:
        envs.close()


def test_a_task_that_is_none_fails_the_start(home: Path) -> None:
    with pytest.raises(StartError, match=r"cannot import /no/such\.py: FileNotFoundError"):
        envserver.make_vec("xvnc", task="/no/such.py:Task", screen=(320, 240))


def test_a_task_that_breaks_later_is_a_fault_and_begins_anew(
    home: Path, tmp_path: Path, broken: Callable[[str, str], str]
) -> None:
    condition = f"__import__('os').path.exists('{tmp_path}/now') and 1 / 0 or None"
    envs = envserver.make_vec(
        "xvnc", num_envs=2, task=broken("tick", condition), screen=(320, 240), fps=30
    )
    try:
        envs.reset()
        (tmp_path / "now").touch()
        for _ in range(600):
            _, rewards, _, truncated, infos = envs.step([[], []])
            if truncated.any():
                break
        (tmp_path / "now").unlink()
        cause = infos["fault"][int(np.flatnonzero(truncated)[0])]["cause"]
        assert "Broken: tick: ZeroDivisionError" in cause
        assert (rewards == 0).all()
    finally:
        envs.close()


def test_a_dead_rewarder_is_said_with_what_it_printed(
    home: Path, broken: Callable[[str, str], str]
) -> None:
    body = "(print('so it ends', flush=True), __import__('os')._exit(5))"
    envs = envserver.make_vec("xvnc", task=broken("tick", body), screen=(320, 240), fps=30)
    try:
        envs.reset()
        for _ in range(600):
            infos = envs.step([[]])[-1]
            if "fault" in infos:
                break
        fault = infos["fault"][0]
        assert fault["cause"].endswith("rewarder ended with status 5 (so it ends)")
        assert fault["log"][-1] == "so it ends"
    finally:
        envs.close()


def test_a_task_that_does_not_parse_fails_the_start(home: Path, tmp_path: Path) -> None:
    (tmp_path / "unfinished.py").write_text("def x(:\n")
    with pytest.raises(StartError) as failed:
        envserver.make_vec("xvnc", task=f"{tmp_path}/unfinished.py:X", screen=(320, 240))
    assert "SyntaxError: invalid syntax (unfinished.py, line 1)" in str(failed.value)
    assert "VNC" not in str(failed.value)

"""The examples run as they are, and are short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from examples import __main__ as examples

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LIMITS = {"universe_agent.py": 120, "train_ppo.py": 170, "fleet_training.py": 60}
"""Lines of those that are a whole agent, or learn and say how well."""
DRAWS = "learning_curve.py"
"""What it draws are hours of learning: there is no short form."""


def run(name: str, *arguments: str, cwd: Path) -> str:
    """What an example prints, run in `cwd` with a daemon directory of its own."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=cwd,
        env={**os.environ, "ENVSERVER_DIRECTORY": str(cwd / "envserver")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    assert list((cwd / "envserver").iterdir()) == []
    return done.stdout


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    if name.endswith(".py"):
        assert len((EXAMPLES / name).read_text().splitlines()) < LIMITS.get(name, 35)


def test_all_examples_are_run() -> None:
    programs = [*EXAMPLES.glob("[a-z]*.py"), *EXAMPLES.glob("adapters/*.py"), EXAMPLES / "solvers"]
    names = {str(path.relative_to(EXAMPLES)) for path in programs}
    assert names == {*examples.EXAMPLES, DRAWS}


@pytest.mark.integration
def test_random_agent(tmp_path: Path) -> None:
    assert "60 steps of (8, 768, 1024, 3)" in run("random_agent.py", "60", cwd=tmp_path)


@pytest.mark.integration
def test_desktop(tmp_path: Path) -> None:
    assert "late: False" in run("desktop.py", "shell.png", cwd=tmp_path)
    picture = Image.open(tmp_path / "shell.png").convert("L")
    assert picture.size == (800, 600)
    # The lines that were typed and answered: there is ink far below the first prompt.
    below_prompt = picture.crop((0, 100, 400, 200))
    assert below_prompt.getextrema() == (0, 255)


@pytest.mark.integration
def test_agent_desktop(tmp_path: Path) -> None:
    said = run("agent_desktop.py", "shot.png", cwd=tmp_path)
    assert "quiet: True, done: True, reward: 1" in said
    with Image.open(tmp_path / "shot.png") as picture:
        assert picture.size == (800, 600)


@pytest.mark.integration
def test_llm_terminal(tmp_path: Path) -> None:
    lines = run("llm_terminal.py", cwd=tmp_path).splitlines()
    assert lines[0].startswith("goal: Create the file ")
    assert lines[-1] == "done: True, reward: 1"


@pytest.mark.integration
def test_examples_are_run_one_after_the_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = examples.Example(["-c", "for line in range(5): print('line', line)"])
    fails = examples.Example(["-c", "import sys; print('why'); sys.exit(3)"])
    missing = examples.Example(["-c", ""], "no_such_framework", "some")
    monkeypatch.setattr(examples, "EXAMPLES", {"said": said, "fails": fails, "missing": missing})
    assert examples.main(["said", "missing"]) == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first.startswith("said: ")
    assert lines == ["    line 2", "    line 3", "    line 4"]
    install = "pip install 'envserver[some]'"
    assert last == f"missing: skipped, it needs no_such_framework: {install}"
    assert examples.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "failed: fails"
    assert "    why" in lines
    assert "    ended with status 3" in lines
    assert examples.main(["other"]) == 2
    assert "no example is called 'other': said, fails, missing" in capsys.readouterr().err

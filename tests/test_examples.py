"""The examples run as they are, and are short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


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


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    limit = 120 if path.name == "universe_agent.py" else 30  # that one is a whole agent
    assert len(path.read_text().splitlines()) < limit


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

"""The learning example runs, its curves are drawn, and the page's curves hold what it claims."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_examples import EXAMPLES, run

ROOT = EXAMPLES.parent
CURVE = {
    **{"seed": 3, "steps": 2048, "minutes": 1.5, "random": 0.3, "learned": 0.5, "episodes": 112},
    "curve": [
        {"steps": 0, "minutes": 0.0, "score": 0.25},
        {"steps": 2048, "minutes": 1.5, "score": 0.5},
    ],
}


def draw(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.learning_curve", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.integration
@pytest.mark.skipif(
    find_spec("stable_baselines3") is None, reason="pip install 'envserver[sb3]' torch==2.13.0"
)
def test_train_ppo(tmp_path: Path) -> None:
    said = run("train_ppo.py", "--short", "--out", "curve.json", "--seed", "4", cwd=tmp_path)
    assert re.search(r"^caught in 16 episodes: [\d.]+% at random, [\d.]+% learned$", said, re.M)
    found = json.loads((tmp_path / "curve.json").read_text())
    assert found.keys() == CURVE.keys()
    assert (found["seed"], found["episodes"]) == (4, 16)
    first, *_, last = found["curve"]
    assert first["steps"] == 0 < last["steps"] == found["steps"]
    assert last["score"] == found["learned"]
    assert all(0 <= at["score"] <= 1 for at in found["curve"])


@pytest.mark.integration
def test_a_curve_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "curve.json").write_text(json.dumps(CURVE))
    pictures = []
    for name in ("a.svg", "b.svg"):
        done = draw(tmp_path / "curve.json", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("\n| 3 | 2048 | 1.5 | 30.0% | 50.0% | 112 |\n")
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"<?xml")


@pytest.mark.integration
def test_the_page_says_what_its_curves_hold(tmp_path: Path) -> None:
    done = draw("--out", tmp_path / "learning.svg")
    assert done.returncode == 0, done.stderr
    assert done.stdout in (ROOT / "docs" / "learning.md").read_text()
    runs = [json.loads(path.read_text()) for path in (ROOT / "docs" / "learning").glob("*.json")]
    assert sorted(one["seed"] for one in runs) == [0, 1, 2]
    assert min(one["episodes"] for one in runs) >= 100
    assert max(one["minutes"] for one in runs) < 20
    assert max(one["random"] for one in runs) <= 0.4
    assert min(one["learned"] for one in runs) >= 0.9


@pytest.mark.integration
def test_without_curves_nothing_is_drawn(tmp_path: Path) -> None:
    done = draw(tmp_path / "none.json", "--out", tmp_path / "none.svg")
    assert done.returncode == 2
    assert done.stderr.endswith(f"error: there is no file {tmp_path / 'none.json'}\n")
    assert not (tmp_path / "none.svg").exists()

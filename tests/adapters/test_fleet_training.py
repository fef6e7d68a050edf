"""The example that trains from a fleet runs, and says for how long it waited."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fleet_training.py"
SAID = re.compile(
    r"256 steps of 8 remotes in ([\d.]+) s, (\d+)% of it waiting for envserver "
    r"\(32 ticks at 15 a second are (\d+)%\)\n"
)


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_it_says_for_how_long_it_waited(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3", reason="make frameworks")
    done = subprocess.run(
        [sys.executable, EXAMPLE, "256"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ENVSERVER_PROVIDER": "process"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = SAID.fullmatch(done.stdout)
    assert said, done.stdout
    took_s, waiting, ticks = map(float, said.groups())
    assert took_s > 31 / 15  # 32 ticks
    assert 0 < waiting < 100
    assert 0 < ticks <= 101

"""The programs of docs/frameworks.md run, where their framework is installed."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "frameworks.md"
PROGRAMS = re.findall(r"^## (\S+)\n.*?```py\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
NEEDS = {
    "Stable-Baselines3": ("stable_baselines3", "make frameworks"),
    "TorchRL": ("torchrl", "make frameworks"),
    "RLlib": ("ray", "make rllib"),
    "PufferLib": ("envserver", ""),
    "CleanRL": ("envserver", ""),
}


def test_every_framework_has_its_program() -> None:
    assert [name for name, _ in PROGRAMS] == list(NEEDS)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "program"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
@pytest.mark.usefixtures("home")
def test_a_program_runs(name: str, program: str, tmp_path: Path) -> None:
    module, verb = NEEDS[name]
    if find_spec(module) is None:
        pytest.skip(verb)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

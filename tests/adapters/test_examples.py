"""The examples of frameworks run to their end, where the framework is installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "adapters"
ENDS = {
    "legacy_infos.py": ("envserver", "", ["60"], " points"),
    "puffer_rollout.py": ("envserver", "", ["60"], "(2, 60, 84, 84, 3) uint8, "),
    "puffer_train.py": ("pufferlib", "make puffer", ["128"], "128 steps, 4 updates: "),
    "rllib_ppo.py": ("ray", "make rllib", ["3"], " steps sampled, trained with "),
    "sb3_ppo.py": ("stable_baselines3", "make frameworks", ["128"], "128 steps, "),
    "torchrl_rollout.py": (
        "torchrl",
        "make frameworks",
        ["60"],
        "(2, 60, 3, 84, 84) torch.float32, ",
    ),
}


@pytest.fixture
def daemon(home: Path) -> Iterator[None]:
    """One that runs already at the default address."""
    command = "from envserver.broker.main import run; run(ready_fd=1)"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        yield
        process.terminate()


def test_there_is_no_other_example() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(ENDS)
    assert max(len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")) < 35


@pytest.mark.integration
@pytest.mark.parametrize("name", ENDS)
@pytest.mark.usefixtures("daemon")
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    module, verb, arguments, expected = ENDS[name]
    if find_spec(module) is None:
        pytest.skip(verb)
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert expected in done.stdout

"""Names in Gymnasium's registry."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from envserver.installation import data_path
from envserver.names import ATARI_GAMES, NAMESPACE, registered_names, scan_names
from envserver.registration import register
from envserver.runtimes_file import load_runtimes, session_fields

ROOT = Path(__file__).resolve().parents[2]


def test_register_twice() -> None:
    register()
    register()
    spec = gymnasium.spec("envserver/gym-core.Pong-v0")
    assert spec.nondeterministic
    assert spec.entry_point == "envserver.single_env:SingleEnv"
    assert spec.vector_entry_point == "envserver.registration:make_registered"
    assert spec.kwargs == {"name": "gym-core.Pong-v0"}


@pytest.mark.parametrize("name", registered_names())
def test_every_registered_name_is_a_runtimes(name: str) -> None:
    assert session_fields(name)["runtime"] in ("gym-core", "xvnc")


def test_every_environment_of_the_file_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [
        f"{each.name}.{name}" for each in load_runtimes().values() for name in each.environments
    ]
    assert set(listed) <= set(registered_names())
    assert sorted(scan_names(data_path("runtimes.yml").read_text())) == sorted(listed)
    # A file of one's own may have any layout, and faults.
    own = tmp_path / "own.yml"
    own.write_text("{desk: {kind: xvnc, environments: {A-v0: {}}}}")
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(own))
    assert registered_names()[-1] == "desk.A-v0"
    own.write_text("desk: {kind: nothing}")
    assert "gym-core.Pong-v0" in registered_names()


def test_the_list_of_games_is_ale_pys() -> None:
    code = (
        "import ale_py, gymnasium\n"
        "gymnasium.register_envs(ale_py)\n"
        "print(*sorted(n[4:-3] for n in gymnasium.registry if n.startswith('ALE/')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(ATARI_GAMES)


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys, envserver\n"
        "assert 'gymnasium' not in sys.modules and 'numpy' not in sys.modules\n"
        "import gymnasium\n"
        "from envserver.registration import register\n"
        "register()\n"
        "print(*(m for m in ('ale_py', 'zmq', 'shm.ring', 'yaml') if m in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("modules", ["envserver, gymnasium", "gymnasium, envserver"])
def test_importing_both_registers(modules: str) -> None:
    code = f"import {modules}\nprint(gymnasium.spec('envserver/gym-core.Pong-v0').nondeterministic)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_gymnasium_makes_it() -> None:
    register()
    envs = gymnasium.make_vec(
        f"{NAMESPACE}gym-core.Pong-v0", num_envs=2, screen="native", max_episode_steps=3, fps=None
    )
    try:
        assert envs.spec is not None
        assert envs.spec.id == "envserver/gym-core.Pong-v0"
        observations, _ = envs.reset(seed=0)
        assert observations.shape == (2, 210, 160, 3)
        for step in range(3):
            *_, truncated, _ = envs.step(np.zeros(2, dtype=np.int64))
            assert truncated.tolist() == [step == 2] * 2
    finally:
        envs.close()

"""Names in Gymnasium's registry."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from envserver.names import ATARI_GAMES, NAMESPACE, REGISTERED
from envserver.registration import register
from envserver.runtimes_file import session_fields

ROOT = Path(__file__).resolve().parents[2]


def test_register_twice() -> None:
    register()
    register()
    spec = gymnasium.spec("envserver/gym-core.Pong-v0")
    assert spec.nondeterministic
    assert spec.vector_entry_point == "envserver.registration:make_registered"
    assert spec.kwargs == {"name": "gym-core.Pong-v0"}


@pytest.mark.parametrize("name", REGISTERED)
def test_every_registered_name_is_a_runtimes(name: str) -> None:
    assert session_fields(name)["runtime"] in ("gym-core", "xvnc")


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

"""Classic gym 0.26.2, installed into a directory of its own: our names, and one environment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration

PLAY = """
import gym
env = gym.make("envserver/gym-core.CartPole-v1", screen=(640, 480), clock="step",
               render_mode="rgb_array")
assert env.spec.id == "envserver/gym-core.CartPole-v1"
assert env.action_space == gym.spaces.Discrete(2), env.action_space
assert env.observation_space.shape == (480, 640, 3)
first, info = env.reset(seed=3)
assert env.observation_space.contains(first)
assert info["valid"] and info["rewarder"], info
again, _ = env.reset(seed=3)
assert (first[:400] == again[:400]).all()
done, total = False, 0.0
while not done:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    total += reward
    done = terminated or truncated
assert total > 5
assert env.render().shape == (480, 640, 3)
env.close()
print("played", type(env.unwrapped).__name__)
"""

DESKTOP = """
import gym
env = gym.make("envserver/xvnc.Desktop-v0", screen=(320, 240), command=["xterm"])
env.reset()
assert env.action_space.contains([("Tap", "a")])
assert env.action_space.contains(env.action_space.sample())
env.step([("Text", "ls")])
env.close()
print("played", env.action_space)
"""

STARTER = """
import runpy, sys
import gym
from envserver.universe.install import install
theirs = gym.Env
install()
assert gym.Env is theirs and gym.__version__ == "0.26.2"
sys.argv = [{script!r}, "gym-core.PongDeterministic-v3", "0"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def gym_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("gym")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    subprocess.run([*command, "gym==0.26.2", "gym-notices==0.0.8"], check=True)
    return target


@pytest.fixture
def run(gym_directory: Path, home: Path) -> Run:
    def start(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=home,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{gym_directory}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return start


@pytest.mark.parametrize("order", ["import envserver, gym", "import gym, envserver"])
def test_names_are_registered_whichever_is_imported_first(run: Run, order: str) -> None:
    code = (
        f"{order}\n"
        "from envserver.names import NAMESPACE, registered_names\n"
        "from gym.envs.registration import registry\n"
        "missing = [n for n in registered_names() if NAMESPACE + n not in registry]\n"
        "spec = gym.spec('envserver/gym-core.Pong-v0')\n"
        "import gymnasium\n"
        "print(missing, spec.disable_env_checker, spec.id in gymnasium.registry)"
    )
    assert run(code) == "[] True True"


def test_an_environment_is_played(run: Run) -> None:
    assert run(f"import envserver\n{PLAY}") == "played ClassicEnv"


def test_a_desktop_is_played(run: Run) -> None:
    assert run(f"import envserver\n{DESKTOP}") == "played EventSpace(320x240)"


def test_a_universe_script_runs_with_it(run: Run) -> None:
    script = str(ROOT / "tests" / "universe" / "starter.py")
    assert run(STARTER.format(script=script)).startswith("gym-core.PongDeterministic-v3 mean 0.")

"""Unchanged scripts as processes of their own: what they import, see, and print."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
CANONICAL = """\
import gym
import universe # register the universe environments

env = gym.make('flashgames.DuskDrive-v0')
env.configure(remotes=1) # downloads and starts a flashgames runtime
observation_n = env.reset()

while True:
    # your agent here
    action_n = [[('KeyEvent', 'ArrowUp', True)] for ob in observation_n]
    observation_n, reward_n, done_n, info = env.step(action_n)
    env.render()
"""
BOUND = """\
    if observation_n[0] is not None and reward_n[0] > 0:
        print('reward', reward_n[0], observation_n[0]['vision'].shape)
        break
"""
OLD_GYM = """\
class Space: pass
def make(id): return f'the real {id}'
def spec(id): return f'the spec of {id}'
"""


def command(script: Path | str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "envserver.universe", str(script), *arguments]


def surroundings(home: Path, path: str = "") -> dict[str, Any]:
    paths = os.pathsep.join(filter(None, [str(ROOT), path]))
    env = {**os.environ, "PYTHONPATH": paths, "ENVSERVER_DIRECTORY": str(home)}
    return {"cwd": home, "env": env, "text": True}


def run(
    home: Path, script: Path | str, *arguments: str, path: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(script, *arguments),
        **surroundings(home, path),
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_canonical_script(home: Path) -> None:
    script = home / "random_agent.py"
    script.write_text(CANONICAL + BOUND)
    done = run(home, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reward ")
    assert done.stdout.endswith(" (768, 1024, 3)\n")
    assert done.stderr.count("gym-core.Enduro-v0 STANDS IN FOR IT") == 1
    assert list(home.glob("private-*")) == [], "the daemon ended without env.close()"


def test_ctrl_c_ends_the_endless_script_and_its_remotes(home: Path) -> None:
    script = home / "random_agent.py"
    script.write_text(CANONICAL)
    process = subprocess.Popen(command(script), **surroundings(home), stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        assert "STANDS IN" in process.stderr.readline()
        assert "render" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode in (1, -signal.SIGINT, 128 + signal.SIGINT)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert list(home.glob("private-*")) == []


def test_the_starter_agents_pattern(home: Path) -> None:
    example = ROOT / "examples" / "universe_agent.py"
    done = run(home, example, "--env", "gym-core.PongDeterministic-v3", "--steps", "20")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("20 steps, reward")
    assert done.stderr.count("gym-core.Pong-v0 STANDS IN FOR IT, the same task") == 1
    assert done.stderr.count("configure(client_id='me') is ignored: this script's own daemon") == 1


@pytest.mark.parametrize(
    ("env_id", "notice"),
    [
        ("flashgames.NeonRace-v0", "gym-core.Enduro-v0 STANDS IN FOR IT, which is another game"),
        ("gym-core.PongDeterministic-v3", "gym-core.Pong-v0 STANDS IN FOR IT, the same task"),
    ],
)
def test_starter_agents(home: Path, env_id: str, notice: str) -> None:
    done = run(home, Path(__file__).with_name("starter.py"), env_id, "0")
    assert done.returncode == 0, done.stderr
    name, _, mean, _, *said = done.stdout.splitlines()[-1].split()
    assert name == env_id
    assert 0.05 < float(mean) < 0.95, "the picture is where the script cuts it out"
    assert {"bytes", "episode", "lag", "n", "rectangles", "updates"} <= set(said)
    assert done.stderr.count(notice) == 1
    assert done.stderr.count("configure(client_id='0') is ignored") == 1
    assert "Traceback" not in done.stderr


def test_arguments_imports_and_the_scripts_directory(home: Path) -> None:
    (home / "neighbour.py").write_text("NAME = 'neighbour'\n")
    script = home / "script.py"
    script.write_text(
        "import sys, neighbour, go_vncdriver\n"
        "import gym, universe, universe.wrappers.experimental\n"
        "from gym.envs.registration import register\n"
        "from gym.spaces.discrete import Discrete\n"
        "from universe.spaces.vnc_event import keycode\n"
        "from universe.utils import exit_on_signal\n"
        "import envserver.universe\n"
        "assert universe is envserver.universe and __name__ == '__main__'\n"
        "assert universe.wrappers.Vision is envserver.universe.wrappers.Vision\n"
        "register(id='Mine-v0', entry_point=lambda: gym.Env())\n"
        "from universe.wrappers.timer import Timer\n"
        "from universe.wrappers.gym_core import CropAtari, GymCoreAction\n"
        "import universe.wrappers.vision, universe.rewarder\n"
        "from universe.runtimes.registration import runtime_spec\n"
        "assert universe.wrappers.vision.Vision is universe.wrappers.Vision\n"
        "assert universe.runtimes.runtime_spec is universe.runtime_spec\n"
        "try: universe.rewarder.RewarderSession\n"
        "except universe.error.Error as error: print(error)\n"
        "gym.undo_logger_setup()\n"
        "gym.logger.set_level(40)\n"
        "assert isinstance(gym.make('flashgames.DuskDrive-v0'), gym.Env)\n"
        "print(sys.argv[1:], neighbour.NAME, gym.make('Mine-v0').spec.id, Discrete(2))\n"
        "env = gym.make('CartPole-v1')\n"
        "print(len(env.reset()), len(env.step(0)), env.spec.id)\n"
        "assert {'Mine-v0', 'CartPole-v1'} <= {spec.id for spec in gym.envs.registry.all()}\n"
        "env = gym.wrappers.TimeLimit(env, max_episode_steps=2)\n"
        "print(len(env.reset()), env.step(0)[2], len(env.step(0)[0]))\n"
        "print(len(env.reset()), env.step(0)[2], env.step(0)[2])\n"
        "try: gym.make('No-v0')\n"
        "except gym.error.UnregisteredEnv as error: print('unregistered')\n"
        "sys.exit(3)\n"
    )
    done = run(home, script, "--flag", "value")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines() == [
        "universe.rewarder.RewarderSession is not in envserver: workers have a client of the "
        "rewarder's protocol, envserver.rewarder the server",
        "['--flag', 'value'] neighbour Mine-v0 Discrete(2)",
        "4 4 CartPole-v1",
        "4 False 4",
        "4 False True",
        "unregistered",
    ]


def test_an_error_shows_the_scripts_own_lines(home: Path) -> None:
    script = home / "script.py"
    script.write_text("import gym\ndef fail():\n    raise ValueError('mine')\nfail()\n")
    done = run(home, script)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "File" in line] == [
        f'  File "{script}", line 4, in <module>',
        f'  File "{script}", line 3, in fail',
    ]
    assert done.stderr.endswith("ValueError: mine\n")
    script.write_text("import gym\n1 +\n")
    done = run(home, script)
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert "runpy" not in done.stderr
    assert "SyntaxError" in done.stderr


def test_an_installed_gym_keeps_all_but_our_names(home: Path) -> None:
    (home / "site" / "gym").mkdir(parents=True)
    (home / "site" / "gym" / "__init__.py").write_text(OLD_GYM)
    script = home / "script.py"
    script.write_text(
        "import gym, gymnasium\n"
        "print(gym.make('Pong-v0'), gym.spec('Pong-v0'))\n"
        "print(gym.make('flashgames.NeonRace-v0'), gym.spec('gym-core.Pong-v0').tags['atari'])\n"
        "print(gymnasium.make('flashgames.NeonRace-v0'))\n"
    )
    done = run(home, script, path=str(home / "site"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the real Pong-v0 the spec of Pong-v0",
        "<VNCEnv<flashgames.NeonRace-v0>> True",
        "<VNCEnv<flashgames.NeonRace-v0>>",
    ]


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [("nowhere.py", 2, "no file is called 'nowhere.py'"), ("--help", 0, "usage:")],
)
def test_usage(home: Path, script: str, status: int, said: str) -> None:
    done = run(home, script)
    assert done.returncode == status
    assert said in done.stderr

"""Runs every example in a short form, and shows the last lines of each: `python -m examples`.

An example whose framework is not installed is skipped, and said so in one line. The exit status is
1 where one failed.
"""

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAST_LINES = 3
TIMEOUT_S = 300.0
SERVE = "from envserver.broker.main import run; run(ready_fd=1)"


@dataclasses.dataclass(frozen=True)
class Example:
    """How one is run.

    Attributes:
        words: What Python is told: the file, or "-m" and a module, and arguments.
        needs: The framework's module, where it needs one.
        extra: The extra of envserver that installs it, where one does.
        read: What says how to install it, where `pip install` cannot.
        daemon: Whether it wants a daemon that runs already.
    """

    words: Sequence[str]
    needs: str = ""
    extra: str = ""
    read: str = ""
    daemon: bool = False

    @property
    def is_missing(self) -> bool:
        return bool(self.needs) and find_spec(self.needs) is None

    @property
    def installs(self) -> str:
        if self.read:
            return f"see {self.read}"
        return "pip install " + (f"'envserver[{self.extra}]'" if self.extra else self.needs)


UNIVERSE = ("-m", "envserver.universe", "universe_agent.py")
EXAMPLES = {
    "random_agent.py": Example(["random_agent.py", "60"]),
    "desktop.py": Example(["desktop.py", "desktop.png"]),
    "agent_desktop.py": Example(["agent_desktop.py", "agent_desktop.png"]),
    "llm_terminal.py": Example(["llm_terminal.py"]),
    "universe_agent.py": Example([*UNIVERSE, "--env", "flashgames.NeonRace-v0", "--steps", "60"]),
    "train_ppo.py": Example(["train_ppo.py", "--short"], "stable_baselines3", "sb3"),
    "fleet_training.py": Example(["fleet_training.py", "512"], "stable_baselines3", "sb3"),
    "solvers": Example(["-m", "examples.solvers", "terminal.CreateFile-v0", "--episodes", "1"]),
    "adapters/legacy_infos.py": Example(["adapters/legacy_infos.py", "60"]),
    "adapters/puffer_rollout.py": Example(["adapters/puffer_rollout.py", "60"]),
    "adapters/puffer_train.py": Example(
        ["adapters/puffer_train.py", "128"], "pufferlib", read="docs/frameworks.md"
    ),
    "adapters/rllib_ppo.py": Example(["adapters/rllib_ppo.py"], "ray", "rllib", daemon=True),
    "adapters/sb3_ppo.py": Example(["adapters/sb3_ppo.py", "128"], "stable_baselines3", "sb3"),
    "adapters/torchrl_rollout.py": Example(
        ["adapters/torchrl_rollout.py", "60"], "torchrl", "torchrl"
    ),
}


def run(example: Example, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run one in `directory`, with a daemon of its own.

    Raises:
        subprocess.TimeoutExpired: it does not end.
    """
    environment = {
        **os.environ,
        "ENVSERVER_DIRECTORY": str(directory / "envserver"),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        ),
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    environment.pop("ENVSERVER_ADDRESS", None)
    words = [str(HERE / word) if word.endswith(".py") else word for word in example.words]
    with _daemon(environment) if example.daemon else contextlib.nullcontext():
        return subprocess.run(
            [sys.executable, *words],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


@contextlib.contextmanager
def _daemon(environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        try:
            yield
        finally:
            process.terminate()


def main(names: Sequence[str]) -> int:
    """Run those named, or all; returns the exit status."""
    for name in names:
        if name not in EXAMPLES:
            print(f"no example is called {name!r}: {', '.join(EXAMPLES)}", file=sys.stderr)
            return 2
    failed = []
    for name in names or EXAMPLES:
        example = EXAMPLES[name]
        if example.is_missing:
            print(f"{name}: skipped, it needs {example.needs}: {example.installs}")
            continue
        began_s = time.perf_counter()
        # A unix socket's path is short.
        with tempfile.TemporaryDirectory(prefix="es-") as directory:
            try:
                done = run(example, Path(directory))
                lines, status = done.stdout.splitlines()[-LAST_LINES:], done.returncode
                if status:
                    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
                    lines.append(f"ended with status {status}")
            except subprocess.TimeoutExpired as error:
                lines, status = [str(error)], 1
        print(f"{name}: {time.perf_counter() - began_s:.1f} s")
        for line in lines:
            print(f"    {line}", flush=True)
        if status:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

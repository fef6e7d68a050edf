"""Solves the terminal tasks from their goals, through the keyboard.

    python examples/solvers/terminal.py [NAME ...] [--episodes N]

NAME is such as CreateFile-v0; without any, all of them. It reads `infos["text"]`, types a command,
and prints for each environment what it got and how long an episode took.
"""

import argparse
import re
import time
from typing import Any

import envserver

NAMES = ("CreateFile-v0", "CountLines-v0", "KillProcess-v0", "Archive-v0")
COMMANDS = (
    (r"Create the file (\S+) with the content: (.*)", r"echo '\2' > \1"),
    (r"Count the lines of (\S+) that contain (\S+) .* the file (\S+)", r"grep -c \2 \1 > \3"),
    (r".*End the program (\S+) and.*", r"pkill -x \1"),
    (r"Pack the directory (\S+) .* archive (\S+)", r"tar czf \2 \1"),
)


def command_for(goal: str) -> str:
    """The shell command that reaches a goal.

    Raises:
        ValueError: the goal is of an unknown kind.
    """
    for pattern, command in COMMANDS:
        found = re.fullmatch(pattern, goal)
        if found is not None:
            return found.expand(command)
    raise ValueError(f"unknown goal {goal!r}")


class TerminalSolver:
    """One environment's agent: types the command once it knows the goal."""

    def act(self, text: list[str] | None) -> list[tuple[Any, ...]]:
        """The next action.

        Args:
            text: what `infos["text"]` holds for this environment in this step, or None.
        """
        if not text:
            return []
        return [("Text", command_for(text[-1]) + "\n")]


def solve(
    envs: envserver.VectorEnv, episodes: int, solve_it: bool = True, max_steps: int = 2000
) -> list[float]:
    """The rewards of so many episodes, over all environments.

    Args:
        solve_it: False: do nothing.
    """
    solvers = [TerminalSolver() for _ in range(envs.num_envs)]
    returns = [0.0] * envs.num_envs
    finished: list[float] = []
    _, infos = envs.reset(seed=0)
    for _ in range(max_steps):
        said = infos.get("text", [None] * envs.num_envs)
        actions = [
            solver.act(text) if solve_it else [] for solver, text in zip(solvers, said, strict=True)
        ]
        _, rewards, terminated, truncated, infos = envs.step(actions)
        for env in range(envs.num_envs):
            returns[env] += float(rewards[env])
            if terminated[env] or truncated[env]:
                finished.append(returns[env])
                returns[env] = 0.0
        if len(finished) >= episodes:
            break
    return finished


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--provider", default="auto", help="auto, docker or process")
    options = parser.parse_args()
    for name in options.names:
        envs = envserver.make_vec(f"terminal.{name}", num_envs=1, fps=30, provider=options.provider)
        try:
            began_s = time.perf_counter()
            returns = solve(envs, options.episodes)
            each_s = (time.perf_counter() - began_s) / max(1, len(returns))
        finally:
            envs.close()
        mean = sum(returns) / max(1, len(returns))
        print(f"terminal.{name:16} reward {mean:.2f}   {each_s:.2f} s an episode")


if __name__ == "__main__":
    main()

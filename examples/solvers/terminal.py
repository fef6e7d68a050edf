"""Solves the terminal's tasks: reads the goal, types the command that reaches it."""

import re
from typing import Any

from examples.solvers.playing import Picture, Task

FPS = 30
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
    """Types one command."""

    typed = False

    def act(self, picture: Picture, goal: str) -> list[tuple[Any, ...]]:
        if self.typed:
            return []
        self.typed = True
        return [("Text", command_for(goal) + "\n")]


TASKS = {
    name: Task(
        name,
        TerminalSolver,
        full=1.0,
        max_steps=10 * FPS,
        options={"fps": FPS},
    )
    for name in (
        "terminal.CreateFile-v0",
        "terminal.CountLines-v0",
        "terminal.KillProcess-v0",
        "terminal.Archive-v0",
    )
}

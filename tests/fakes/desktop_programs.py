"""What tests run on a desktop: a terminal that says what it did, and the X server's own picture."""

import os
import re
import select
import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record_goldens import x_picture
from envserver.batch import Batch
from envserver.due import QUIET, DueTime
from envserver.vector_env import VectorEnv

Picture = NDArray[np.uint8]

WAIT_S = 8.0
CELL = 6, 13
"""Width and height in pixels of a character of the font "fixed", which every X server has."""
SETTLED = QUIET(150, 4000)


class Line:
    """A named pipe that a program on a desktop writes to, and the test reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._left = b""

    def read(self, end: str = "\n") -> str:
        """What is written next, up to and without `end`, a regular expression."""
        while not (found := re.search(end.encode(), self._left)):
            ready, _, _ = select.select([self._descriptor], [], [], WAIT_S)
            assert ready, f"nothing came; before that came {self._left!r}"
            self._left += os.read(self._descriptor, 4096)
        text, self._left = self._left[: found.start()], self._left[found.end() :]
        return text.decode()

    def close(self) -> None:
        os.close(self._descriptor)


def terminal(script: str, *options: str) -> list[str]:
    """The command of a terminal, nearly of 640x480, that runs a shell's script."""
    xterm = ["xterm", "-u8", "-fn", "fixed", "-geometry", "100x34+0+0"]
    return ["env", "LC_ALL=C.UTF-8", *xterm, *options, "-e", "sh", "-c", script]


def telling(line: Line, script: str) -> str:
    """A script that first tells how its X server is reached (`environment_from`)."""
    return f'printf "%s\\n%s\\n" "$DISPLAY" "$XAUTHORITY" > {shlex.quote(str(line.path))}; {script}'


def environment_from(line: Line) -> dict[str, str]:
    """The environment of programs on the desktop whose script is `telling`."""
    return {**os.environ, "DISPLAY": line.read(), "XAUTHORITY": line.read()}


def x_rgb(environment: dict[str, str]) -> Picture:
    """The X server's own framebuffer: uint8 (height, width, 3), RGB."""
    return x_picture(environment)[:, :, 2::-1]


def do(envs: VectorEnv, *events: tuple[object, ...], due: DueTime = SETTLED) -> Batch:
    """Step one environment with these events."""
    envs.send([events], due=due)
    return envs.recv()

"""Tasks in a terminal, checked by the files and processes that result; and a shell without one.

The goal stands in the terminal and in `infos["text"]`. Each seed draws other names and contents.
The reward is 1 when what was asked for is there, once; an episode ends then, when it cannot be
reached any more, or after two minutes.
"""

import contextlib
import io
import os
import random
import select
import shlex
import shutil
import subprocess
import tarfile
import textwrap
import time
import zlib
from pathlib import Path
from typing import Any

from envserver.rewarder import DesktopError, Outcome, Task

START_TIMEOUT_S = 10.0
MAX_ARCHIVE_BYTES = 1 << 20
GOAL_COLUMNS = 76
TITLE = "Terminal"
XTERM = ("xterm", "-maximized", "-fa", "Monospace", "-fs", "14", "-title", TITLE)
WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty"),
    *("knoll", "larch", "maple", "north", "ocean", "prism", "quartz", "river", "stone", "tulip"),
)
# The first prompt says that the shell reads its keyboard.
RC_FILE = """
unset HISTFILE
PS1='\\w\\$ '
{show}
PROMPT_COMMAND='printf . >{ready}; unset PROMPT_COMMAND'
"""


class TerminalTask(Task):
    """A terminal with a shell; a task says what to prepare and what to check."""

    fps = 10.0
    time_limit_s: float | None = 120.0

    def setup(self) -> None:
        self.tick_on_change(self.desktop.home)

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        goal = self.prepare(random.Random(seed))
        self.say(goal)
        self.open_terminal(goal)
        return None

    def prepare(self, chance: random.Random) -> str:
        """Put into `desktop.home` what the episode needs; returns the goal."""
        raise NotImplementedError(f"{type(self).__name__} has no prepare")

    def open_terminal(self, shown: str = "") -> "subprocess.Popen[bytes]":
        """Run a shell in a terminal, below a text; returns the terminal when it reads its keys."""
        ready = self.desktop.scratch / "ready"
        os.mkfifo(ready)
        rc_file = self.desktop.scratch / "rc"
        text = shlex.quote(textwrap.fill(shown, GOAL_COLUMNS))
        show = f"printf '%s\\n\\n' {text}" if shown else ""
        rc_file.write_text(
            RC_FILE.format(show=show, ready=shlex.quote(str(ready))), encoding="utf-8"
        )
        descriptor = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
        try:
            terminal = self.desktop.run([*XTERM, "-e", "bash", "--rcfile", str(rc_file), "-i"])
            deadline_s = time.monotonic() + START_TIMEOUT_S
            while not select.select([descriptor], [], [], 0.1)[0]:
                if terminal.poll() is not None:
                    raise DesktopError(f"the terminal ended with status {terminal.returncode}")
                if time.monotonic() > deadline_s:
                    raise DesktopError(f"no prompt after {START_TIMEOUT_S:g} s")
        finally:
            os.close(descriptor)
        self.desktop.wait_window(TITLE)
        return terminal


class Shell(TerminalTask):
    """A shell in which nothing is asked for; the episode ends when its terminal does."""

    time_limit_s = None

    def setup(self) -> None:
        pass

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        self._terminal = self.open_terminal()
        return None

    def tick(self) -> Outcome | None:
        return None if self._terminal.poll() is None else Outcome(done=True)


class CreateFile(TerminalTask):
    """Write a given line into a given file."""

    def prepare(self, chance: random.Random) -> str:
        self._name = f"{chance.choice(WORDS)}-{chance.randrange(100)}.txt"
        self._content = " ".join(chance.sample(WORDS, 3))
        return f"Create the file {self._name} with the content: {self._content}"

    def tick(self) -> Outcome | None:
        found = self.desktop.read(self._name)
        if found is None or found.removesuffix(b"\n") != self._content.encode():
            return None
        return Outcome(1.0, done=True)


class CountLines(TerminalTask):
    """Write into a file how many lines of another one contain a word."""

    def prepare(self, chance: random.Random) -> str:
        level = chance.choice(("ERROR", "WARNING", "DEBUG"))
        lines = [
            f"{number:04d} {chance.choice(('ERROR', 'WARNING', 'DEBUG'))} {chance.choice(WORDS)}"
            for number in range(chance.randrange(100, 400))
        ]
        self._count = sum(level in line for line in lines)
        (self.desktop.home / "server.log").write_text("\n".join(lines) + "\n", encoding="ascii")
        return (
            f"Count the lines of server.log that contain {level} "
            "and write the number into the file count.txt"
        )

    def tick(self) -> Outcome | None:
        found = self.desktop.read("count.txt")
        if found is None or found.strip() != str(self._count).encode():
            return None
        return Outcome(1.0, done=True)


class KillProcess(TerminalTask):
    """End one of several programs; the others must live on."""

    def prepare(self, chance: random.Random) -> str:
        sleep = shutil.which("sleep")
        if sleep is None:
            raise DesktopError("no sleep found: it is a part of coreutils")
        family = chance.choice(WORDS)
        numbers = sorted(chance.sample(range(10, 100), 4))
        # `pkill` reaches the programs of every desktop that this user runs: no name is used twice,
        # and none is longer than the 15 bytes that the kernel keeps.
        names = [f"{family}{number}-{os.getpid():x}" for number in numbers]
        self._programs = {}
        for name in names:
            # The link's name is what ps and pkill see.
            link = self.desktop.scratch / name
            link.symlink_to(sleep)
            self._programs[name] = self.desktop.run([str(link), "1000000"])
        self._wanted = chance.choice(names)
        return (
            f"The programs {', '.join(names)} are running. "
            f"End the program {self._wanted} and let the others run"
        )

    def tick(self) -> Outcome | None:
        ended = {name for name, program in self._programs.items() if program.poll() is not None}
        if ended - {self._wanted}:
            return Outcome(0.0, done=True)
        return Outcome(1.0, done=True) if ended else None


class Archive(TerminalTask):
    """Pack a directory."""

    def prepare(self, chance: random.Random) -> str:
        self._directory = chance.choice(WORDS)
        self._files = {}
        (self.desktop.home / self._directory).mkdir()
        for name in chance.sample(WORDS, chance.randrange(2, 6)):
            path = Path(self._directory, f"{name}.txt")
            content = " ".join(chance.sample(WORDS, 5))
            (self.desktop.home / path).write_text(content, encoding="ascii")
            self._files[str(path)] = content.encode()
        return (
            f"Pack the directory {self._directory} with all of its files "
            f"into the compressed archive {self._directory}.tar.gz"
        )

    def tick(self) -> Outcome | None:
        packed = self.desktop.read(f"{self._directory}.tar.gz", MAX_ARCHIVE_BYTES)
        if packed is None or _archived(packed) != self._files:
            return None
        return Outcome(1.0, done=True)


def _archived(packed: bytes) -> dict[str, bytes]:
    """The files in a .tar.gz by path; none when it is broken, unfinished, or much too large."""
    found: dict[str, bytes] = {}
    left_bytes = MAX_ARCHIVE_BYTES
    with contextlib.suppress(zlib.error, tarfile.TarError, EOFError, OSError, ValueError):
        stream = zlib.decompressobj(wbits=31)
        plain = stream.decompress(packed, MAX_ARCHIVE_BYTES)
        if not stream.eof:
            return {}
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    left_bytes -= member.size  # a sparse file may claim any size
                    if left_bytes < 0:
                        return {}
                    found[os.path.normpath(member.name)] = file.read()
    return found

"""What a task can do with its desktop: run programs, look at windows and pixels, read files. [I/O]

Programs run in a home directory of their own, which is emptied between episodes; all that they
started, also what left its parent, is then killed, since this process adopts orphans.
"""

import contextlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envserver.remotes.init import become_subreaper, descendants_of
from envserver.rewarder.errors import DesktopError
from envserver.rewarder.x11 import XDisplay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from envserver.rewarder.devtools import DevTools
    from envserver.rewarder.memory import ProcessMemory

PAUSE_S = 0.002
CLEAR_TIMEOUT_S = 5.0
START_TIMEOUT_S = 10.0
HIDDEN_VARIABLES = ("ENVSERVER_REWARDER_PASSWORD", "ENVSERVER_VNC_PASSWORD", "PYTHONPATH")


class Desktop:
    """The desktop of DISPLAY, for one task.

    Attributes:
        home: where programs run, their HOME; emptied before each episode.
        scratch: the task's own files, beside it; emptied too.
    """

    def __init__(self) -> None:
        base = os.environ.get("XDG_RUNTIME_DIR")
        usable = base is not None and os.access(base, os.W_OK)
        self._directory = Path(tempfile.mkdtemp(prefix="task-", dir=base if usable else None))
        self.home = self._directory / "home"
        self.scratch = self._directory / "scratch"
        self.home.mkdir()
        self.scratch.mkdir()
        self._programs: list[subprocess.Popen[bytes]] = []
        self._kept: list[subprocess.Popen[bytes]] = []
        self._display: XDisplay | None = None
        self._others = descendants_of(os.getpid())
        become_subreaper()

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep: bool = False,
        **options: Any,
    ) -> "subprocess.Popen[bytes]":
        """Start a program on the desktop, whose window manager it waits for.

        Args:
            argv: its command line.
            environment: beside the desktop's own.
            cwd: where it runs; None: `home`.
            keep: it lives on between episodes, with its children; otherwise it is killed.
            options: for `subprocess.Popen`.

        Raises:
            DesktopError: it cannot be started.
        """
        if os.environ.get("DISPLAY"):
            self._wait_ready()
        inherited = {k: v for k, v in os.environ.items() if k not in HIDDEN_VARIABLES}
        try:
            program = subprocess.Popen(
                list(argv),
                cwd=self.home if cwd is None else cwd,
                env={**inherited, "HOME": str(self.home), **(environment or {})},
                stdin=options.pop("stdin", subprocess.DEVNULL),
                start_new_session=True,
                **options,
            )
        except OSError as error:
            raise DesktopError(f"cannot run {argv[0]!r}: {error}") from error
        (self._kept if keep else self._programs).append(program)
        return program

    def screen(self) -> "NDArray[np.uint8]":
        """The pixels now: uint8, (height, width, 3), RGB; the caller's."""
        return self.display.image()

    def size(self) -> tuple[int, int]:
        """Width and height of the screen in pixels."""
        return self.display.size()

    def windows(self) -> list[str]:
        """The titles of the open windows, the oldest first."""
        return list(self.display.windows().values())

    def wait_window(self, title: str, timeout_s: float = START_TIMEOUT_S) -> str:
        """Wait for a window with `title` somewhere in its title to have the keyboard.

        Returns:
            all of its title.

        Raises:
            DesktopError: there is none in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            active = self.display.active_window()
            found = (self.display.title(active) if active else None) or ""
            if active and title in found:
                return found
            if time.monotonic() > deadline_s:
                ended = [p.args for p in self._programs if p.poll() is not None]
                raise DesktopError(
                    f"no window {title!r} in front after {timeout_s:g} s; there are"
                    f" {self.windows()}" + (f"; these ended: {ended}" if ended else "")
                )
            time.sleep(PAUSE_S)

    def type(self, text: str) -> None:
        """Type into the window that has the focus, to set things up."""
        self.display.type(text)

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click, to set things up."""
        self.display.click(x, y, button)

    def devtools(self, port: int, timeout_s: float = START_TIMEOUT_S) -> "DevTools":
        """Connect to the first page of a Chromium with `--remote-debugging-port`."""
        from envserver.rewarder.devtools import DevTools

        return DevTools(port, timeout_s)

    def memory(self, program: "subprocess.Popen[bytes] | int") -> "ProcessMemory":
        """The memory of a program that `run` started, or of one by its process id that it started.

        Raises:
            DesktopError: it cannot be read.
        """
        from envserver.rewarder.memory import ProcessMemory

        return ProcessMemory(program if isinstance(program, int) else program.pid)

    def read(self, path: str | Path, most_bytes: int = 1 << 20) -> bytes | None:
        """The content of a regular file, relative to `home`; None where there is none so short.

        What an agent put there, a pipe or a link to a device, neither blocks nor fills memory.
        """
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self.home / path, flags)
        except OSError:
            return None
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most_bytes:
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(most_bytes + 1)
        return content if len(content) <= most_bytes else None

    @property
    def display(self) -> XDisplay:
        """The connection to the X server, made when it is first used.

        Raises:
            DesktopError: no server, or no window manager, came up.
        """
        return self._wait_ready()

    def _wait_ready(self) -> XDisplay:
        if self._display is None:
            deadline_s = time.monotonic() + START_TIMEOUT_S
            while True:
                try:
                    self._display = self._display or XDisplay()
                    if self._display.has_window_manager():
                        break
                    if time.monotonic() > deadline_s:
                        raise DesktopError("no window manager runs on the desktop")
                except DesktopError:
                    if not os.environ.get("DISPLAY") or time.monotonic() > deadline_s:
                        raise
                time.sleep(PAUSE_S)
        return self._display

    def clear(self) -> None:
        """Kill every program that is not kept, and empty `home` and `scratch`.

        They are there afterwards, whatever an agent put into their place.

        Raises:
            DesktopError: a program does not die, or a directory cannot be emptied.
        """
        self._kill(keep=True)
        if self._display is not None and not self._kept:
            self._wait_no_window(self._display)
        for directory in (self._directory, self.home, self.scratch):
            try:
                _make_real(directory)
            except OSError as error:
                raise DesktopError(f"cannot make {directory} anew: {error}") from error
        for directory in (self.home, self.scratch):
            _empty(directory)

    @staticmethod
    def _wait_no_window(display: XDisplay) -> None:
        """Wait until the window manager has forgotten the windows of programs that ended.

        The next program's window may get the same number, and must not be taken for one of them.
        """
        deadline_s = time.monotonic() + CLEAR_TIMEOUT_S
        while display.window_ids():
            if time.monotonic() > deadline_s:
                raise DesktopError(f"windows outlive their programs: {display.windows()}")
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """Kill every program and remove its files."""
        with contextlib.suppress(DesktopError):
            self._kill(keep=False)
        if self._display is not None:
            self._display.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def reap(self) -> None:
        """Wait for programs that have ended, so that none is left as a zombie."""
        for program in (*self._programs, *self._kept):
            program.poll()
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            self._reap_one(found.si_pid)

    def _kill(self, *, keep: bool) -> None:
        deadline_s = time.monotonic() + CLEAR_TIMEOUT_S
        while True:
            kept = [each.pid for each in self._kept if keep and each.poll() is None]
            spared: set[int] = set()
            for pid in (*self._others, *kept):
                spared.update((pid, *descendants_of(pid)))
            victims = [pid for pid in descendants_of(os.getpid()) if pid not in spared]
            if not victims:
                break
            for pid in victims:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            for pid in victims:
                with contextlib.suppress(ChildProcessError):
                    self._reap_one(pid)
            if time.monotonic() > deadline_s:
                raise DesktopError(f"processes {victims} cannot be killed")
            time.sleep(PAUSE_S)
        self._programs.clear()
        if not keep:
            self._kept.clear()

    def _reap_one(self, pid: int) -> None:
        for program in (*self._programs, *self._kept):
            if program.pid == pid:
                program.poll()
                return
        os.waitpid(pid, os.WNOHANG)


def _make_real(directory: Path) -> None:
    """Make a directory of ours where there is none, or something else, such as a link to one."""
    try:
        is_real = stat.S_ISDIR(directory.lstat().st_mode)
    except FileNotFoundError:
        is_real = False
    else:
        if not is_real:
            directory.unlink()
    if not is_real:
        directory.mkdir()
    directory.chmod(0o700)


def _empty(directory: Path) -> None:
    """Remove all that is in a directory, however deep, also what its owner made unwritable.

    Directories in it are first moved to its top, so that neither a path nor a recursion grows with
    their depth.

    Raises:
        DesktopError: something stays.
    """
    deadline_s = time.monotonic() + CLEAR_TIMEOUT_S
    waiting = [directory]
    while waiting:
        parent = waiting.pop()
        try:
            for name in os.listdir(parent):
                path = parent / name
                if not stat.S_ISDIR(path.lstat().st_mode):
                    path.unlink()
                    continue
                path.chmod(0o700)
                waiting.append(path.rename(directory / secrets.token_hex(16)))
            if parent != directory:
                parent.rmdir()
        except OSError as error:  # a kept program may use it meanwhile
            if time.monotonic() > deadline_s:
                raise DesktopError(f"cannot empty {directory}: {error}") from error
            if os.path.lexists(parent):
                waiting.append(parent)
                time.sleep(PAUSE_S)

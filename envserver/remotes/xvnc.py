"""Local desktops: TigerVNC's Xvnc, a window manager, and any program.  [I/O]

Xvnc gets a socket that listens on 127.0.0.1 already as its standard input (-inetd, "wait" mode), so
that no port is ever guessed, and its password in a memfd, so that neither `ps` nor a file shows it.
The program has a home directory of its own, which goes with the desktop. Where the session names a
task, its rewarder (`python -m envserver.rewarder`) runs beside the desktop and starts the programs.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from envserver import processes
from envserver.errors import RemoteError
from envserver.remotes.base import Endpoint, Remote, RemoteAddress
from envserver.remotes.process import ProcessTree
from envserver.remotes.spare_keys import SpareKeys
from envserver.remotes.vnc_password import password_file
from envserver.remotes.x11 import authority_file, wait_window_manager
from envserver.runtimes.container import FRAME_RATE, MAX_CUT_TEXT_BYTES, NEVER
from envserver.spec import SessionSpec

PACKAGES = {"Xvnc": "tigervnc-standalone-server", "openbox": "openbox"}
SERVER_END_S = 0.1
PROGRAM_LASTS_S = 0.3
"""A program that ends sooner, with all that it started, cannot be run."""
PROGRAM_TITLE = "-- program of"
HIDDEN_VARIABLES = {
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"),
    *("SESSION_MANAGER", "XDG_SESSION_ID", "XDG_CURRENT_DESKTOP", "PYTHONPATH"),
}


class XvncRemotes:
    """The desktops of one session.

    Args:
        directory: where each keeps its files; the caller's, for its user alone.
    """

    def __init__(self, spec: SessionSpec, directory: Path, log_directory: Path) -> None:
        size, command = spec.screen_or_size, spec.command
        assert not isinstance(size, str), size
        self._directory = directory
        self._log_directory = log_directory
        self._size = size
        self._command = command
        self._rewarder = None if spec.task is None else _rewarder_command(spec)
        self._start_timeout_s = spec.start_timeout_s
        self._remotes: dict[int, XvncRemote] = {}
        self._started = 0

    async def start(self, env: int) -> Remote:
        """Start a desktop; it is ready when its program has run for a moment."""
        for program, package in PACKAGES.items():
            if shutil.which(program) is None:
                raise RemoteError(f"xvnc[{env}]: no {program} found: apt install {package}")
        previous = self._remotes.pop(env, None)
        if previous is not None:
            await previous.stop()
        self._started += 1
        remote = XvncRemote(
            env,
            self._directory / f"desktop-{env}-{self._started}",
            self._log_directory / f"desktop-{env}.log",
            self._log_directory / f"desktop-{env}-program.log",
        )
        self._remotes[env] = remote
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await remote.start(self._size, self._command, self._rewarder)
        except BaseException as error:
            await remote.stop()
            if isinstance(error, TimeoutError):
                tail = " | ".join(processes.log_tail(remote.log_path, 3))
                raise RemoteError(
                    f"xvnc[{env}]: no desktop after {self._start_timeout_s:g} s ({tail})"
                ) from error
            if isinstance(error, OSError):
                raise RemoteError(f"xvnc[{env}]: {error}") from error
            raise
        return remote

    async def close(self) -> None:
        await asyncio.gather(*(remote.stop() for remote in self._remotes.values()))


class XvncRemote(Remote):
    """One desktop.

    Args:
        log: gets what server and window manager print.
        program_log: gets what the program prints, or the rewarder with all that it starts.
    """

    def __init__(self, env: int, directory: Path, log: Path, program_log: Path) -> None:
        super().__init__(f"xvnc[{env}]", RemoteAddress())
        self._directory = directory
        self.log_path = log
        self.program_log = program_log
        self.logs = [program_log, log]
        self.log = log
        self.tree: ProcessTree | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._keyboard: asyncio.Task[None] | None = None

    async def start(
        self,
        size: tuple[int, int],
        command: str | Sequence[str] | None,
        rewarder: Sequence[str] | None = None,
    ) -> None:
        """Start server, window manager and program, each when the one before is up.

        The rewarder, which waits for them by itself, starts beside the window manager.

        Raises:
            RemoteError: one of them ended at once; the message says what it printed.
        """
        self._directory.mkdir(mode=0o700)
        cookie = secrets.token_bytes(16)
        authority = self._directory / ".Xauthority"
        authority.write_bytes(authority_file(cookie))
        tree = self.tree = ProcessTree(_desktop_environment(self._directory), self.log_path)
        tree.remove_at_end(self._directory)
        self._watcher = asyncio.create_task(self._watch(tree, command))
        display, vnc = await _start_server(tree, size, authority)
        x_socket = f"/tmp/.X11-unix/X{display}"
        with contextlib.suppress(FileNotFoundError):
            tree.remove_at_end(x_socket, os.stat(x_socket).st_ino)
        self.name = f"{self.name} on display :{display}"
        with self.program_log.open("ab") as log:
            log.write(f"{PROGRAM_TITLE} {self.name}\n".encode())
        environment = {"DISPLAY": f":{display}", "XAUTHORITY": str(authority)}
        await tree.spawn("openbox", ["openbox", "--sm-disable"], environment)
        tells = Endpoint()
        if rewarder is not None:
            tells = await _start_rewarder(tree, rewarder, environment, self.program_log)
        if not os.path.exists(x_socket):
            x_socket = f"\0{x_socket}"  # where the directory cannot be written, only this one is
        cause = await self.ended_before(self._prepare(x_socket, cookie))
        if cause is not None:
            raise RemoteError(f"{self.name}: {cause}")
        if command is not None:
            await self._run_program(tree, command, environment)
        self.address = RemoteAddress(vnc, tells)

    async def stop(self) -> None:
        for task in (self._watcher, self._keyboard):
            if task is not None:
                task.cancel()
        self._watcher = self._keyboard = None
        tree, self.tree = self.tree, None
        if tree is not None:
            await tree.stop()

    async def _prepare(self, x_socket: str, cookie: bytes) -> None:
        """Wait until keyboard and window manager are ready."""
        spare_keys = await SpareKeys.open(x_socket, cookie)
        self._keyboard = asyncio.create_task(spare_keys.run())
        await wait_window_manager(x_socket, cookie)

    async def _run_program(
        self, tree: ProcessTree, command: str | Sequence[str], environment: dict[str, str]
    ) -> None:
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        await tree.spawn("program", argv, environment, log=self.program_log)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROGRAM_LASTS_S):
                raise RemoteError(f"{self.name}: {await self.wait_ended()}")

    async def _watch(self, tree: ProcessTree, command: str | Sequence[str] | None) -> None:
        """Note the end of the desktop: of a server, or of the program with all that it started."""
        program_status: int | None = None
        while True:
            name, status, others = await tree.next_exit()
            if name == "program":
                program_status = status
            if (name and name != "program") or (program_status is not None and others == 0):
                name, status = await _server_end(tree, name, status)
            if name == "rewarder":
                cause = f"{name} ended with status {status} ({self._printed()})"
                self.end(cause, status, self.program_log)
                return
            if name and name != "program":
                tail = " | ".join(processes.log_tail(self.log_path, 3))
                self.end(f"{name} ended with status {status} ({tail})", status, self.log_path)
                return
            if program_status is not None and others == 0:
                cause = f"the program {command!r} ended with status {program_status}"
                self.end(f"{cause}: {self._printed()}", program_status, self.program_log)
                return

    def _printed(self) -> str:
        """The last lines of this desktop's program or rewarder, without those before it."""
        lines = processes.log_tail(self.program_log)
        titles = [place for place, line in enumerate(lines) if line.startswith(PROGRAM_TITLE)]
        own = lines[titles[-1] + 1 :] if titles else lines
        return " | ".join(own[-3:]) or "it printed nothing"


async def _server_end(tree: ProcessTree, name: str, status: int) -> tuple[str, int]:
    """The server's end if it comes now too, else what was given: all others end without it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SERVER_END_S):
            other = name
            while other not in ("Xvnc", "init"):
                other, other_status, _ = await tree.next_exit()
                if other == "Xvnc":
                    return other, other_status
    return name, status


async def _start_server(
    tree: ProcessTree, size: tuple[int, int], authority: Path
) -> tuple[int, Endpoint]:
    """Start Xvnc; returns its display number and where it listens."""
    password = secrets.token_urlsafe(6)
    display_read, display_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    password_fd = os.memfd_create("vnc-password")
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
            port = listener.getsockname()[1]
            os.write(password_fd, password_file(password))
            argv = ["Xvnc", "-inetd", "-localhost", "-displayfd", "{fd:3}"]
            argv += ["-SecurityTypes", "VncAuth", "-rfbauth", "/proc/self/fd/{fd:4}"]
            argv += ["-auth", str(authority), "-nolisten", "tcp", "-noreset"]
            argv += ["-geometry", f"{size[0]}x{size[1]}", "-depth", "24"]
            argv += ["-FrameRate", str(FRAME_RATE), "-desktop", "envserver", "-AlwaysShared"]
            argv += ["-MaxCutText", str(MAX_CUT_TEXT_BYTES)]
            # Connections that only look whether it lives must not lock the worker out.
            argv += ["-BlacklistThreshold", str(NEVER), "-Log", "*:stdout:0"]
            descriptors = {0: listener.fileno(), 3: display_write, 4: password_fd}
            await tree.spawn("Xvnc", argv, {}, descriptors)
        os.close(display_write)
        display_write = -1
        text = b""
        while not text.endswith(b"\n"):
            await processes.wait_readable(display_read)
            part = os.read(display_read, 64)
            if not part:
                tail = " | ".join(processes.log_tail(tree.log, 3))
                raise RemoteError(f"Xvnc ended before its display was up ({tail})")
            text += part
        return int(text), Endpoint("127.0.0.1", port, password)
    finally:
        for descriptor in (display_read, display_write, password_fd):
            if descriptor >= 0:
                os.close(descriptor)


def _rewarder_command(spec: SessionSpec) -> list[str]:
    assert spec.task is not None
    argv = ["-m", "envserver.rewarder", "--task", spec.task, "--listen-fd", "{fd:3}"]
    if spec.env_id is not None:
        argv += ["--env-id", spec.env_id]
    if spec.time_limit_s is not None:
        argv += ["--time-limit", str(spec.time_limit_s)]
    return processes.python_command(*argv)


async def _start_rewarder(
    tree: ProcessTree, command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Endpoint:
    """Start the rewarder; returns where it listens, already now."""
    password = secrets.token_urlsafe(12)
    python_path = processes.python_environment().get("PYTHONPATH")
    told = {**environment, "ENVSERVER_REWARDER_PASSWORD": password}
    if python_path is not None:
        told["PYTHONPATH"] = python_path
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        await tree.spawn("rewarder", command, told, {3: listener.fileno()}, log)
        return Endpoint("127.0.0.1", listener.getsockname()[1], password)


def _desktop_environment(directory: Path) -> dict[str, str]:
    """What programs of the desktop see: no trace of the one that the daemon was started from."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN_VARIABLES}
    return {**kept, "HOME": str(directory), "XDG_RUNTIME_DIR": str(directory)}

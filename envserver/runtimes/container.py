"""The first program of a container of ours: `envserver-remote`.  [I/O]

    envserver-remote [ENV_ID] [--kind gym-core|xvnc] [--task MODULE:CLASS] [--screen 1024x768]
                     [--fps 60] [--time-limit SECONDS] [--env-kwargs JSON] [-- COMMAND...]

ENV_ID is "<runtime>.<Name>-v<k>" (without it, ENVSERVER_ENV_ID), the time limit may be in
ENVSERVER_TIME_LIMIT; what the options leave open is in runtimes.yml. Passwords never come by the
command line, which everyone can read: they are two lines of the standard input, VNC's and the
rewarder's, where ENVSERVER_PASSWORDS is "stdin"; else ENVSERVER_VNC_PASSWORD and
ENVSERVER_REWARDER_PASSWORD, which the environment of the container's init goes on to show to what
runs inside, or "openai".

Theory of operation: the desktop's programs are children of this process. It runs as a script, whose
few imports come late: Xvnc is to start first; meanwhile this process imports the rewarder and then
forks it, which spares an interpreter's start.
When a server ends, or a command with all that it started, this process says so and ends, and with
it the container; at SIGTERM it kills the rest and ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

TYPE_CHECKING = False  # typing's own costs as much as all that is imported here
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

VNC_PORT = 5900
REWARDER_PORT = 15900
EVERYWHERE = "0.0.0.0"
FRAME_RATE = 60
NEVER = 1 << 30
MAX_CUT_TEXT_BYTES = 4 << 20
"""Of a clipboard's text as it comes, for 1 MiB of UTF-8 whose line ends take two bytes there."""
MAX_OPEN_FILES = 4096
PASSWORD_VARIABLES = ("ENVSERVER_VNC_PASSWORD", "ENVSERVER_REWARDER_PASSWORD")
DEFAULT_PASSWORD = "openai"
PR_SET_DUMPABLE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until something ends; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _terminate)
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        passwords = _take_passwords()
        if options.kind is None:
            _look_up(options)
        if options.kind == "gym-core":
            return _gym_core(options, passwords)
        return _desktop(options, *passwords)
    except (ValueError, OSError) as error:
        print(f"envserver-remote: {error}", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    words = list(arguments)
    command: list[str] = []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser(prog="envserver-remote", allow_abbrev=False)
    parser.add_argument("env_id", nargs="?", default=os.environ.get("ENVSERVER_ENV_ID"))
    parser.add_argument("--kind", choices=("gym-core", "xvnc"))
    parser.add_argument("--task")
    parser.add_argument("--screen")
    parser.add_argument("--fps", type=float)
    parser.add_argument("--time-limit", default=os.environ.get("ENVSERVER_TIME_LIMIT"))
    parser.add_argument("--env-kwargs")
    options = parser.parse_args(words)
    options.command = command
    return options


def _take_passwords() -> list[str]:
    """VNC's and the rewarder's; what is started from now on inherits neither."""
    given = [os.environ.pop(name, "") for name in PASSWORD_VARIABLES]
    if os.environ.pop("ENVSERVER_PASSWORDS", "") == "stdin":
        text = b""
        while text.count(b"\n") < len(PASSWORD_VARIABLES):
            part = os.read(0, 4096)
            if not part:
                raise ValueError("the standard input ended, expected two lines of passwords")
            text += part
        given = text.decode().splitlines()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
    return [password or DEFAULT_PASSWORD for password in given]


def _look_up(options: argparse.Namespace) -> None:
    """Fill in what runtimes.yml says about ENV_ID; an empty desktop is what no ENV_ID means."""
    if options.env_id is None:
        options.kind = "xvnc"
        return
    import json

    from envserver.errors import InvalidRuntime
    from envserver.runtimes_file import session_fields

    try:
        fields = session_fields(options.env_id)
    except InvalidRuntime as error:
        raise ValueError(str(error)) from error
    options.kind = fields["runtime"]
    if options.kind == "gym-core":
        options.env_id = fields["env_id"]
    options.task = options.task or fields.get("task")
    if not options.screen and fields.get("screen"):
        screen = fields["screen"]
        options.screen = screen if isinstance(screen, str) else f"{screen[0]}x{screen[1]}"
    if options.fps is None:
        options.fps = fields.get("fps")
    if options.time_limit is None and fields.get("time_limit_s"):
        options.time_limit = str(fields["time_limit_s"])
    if options.env_kwargs is None and fields.get("env_kwargs"):
        options.env_kwargs = json.dumps(fields["env_kwargs"])
    command = fields.get("command")
    if not options.command and command:
        options.command = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)


def _gym_core(options: argparse.Namespace, passwords: Sequence[str]) -> int:
    """Become the environment's own servers; they handle signals themselves."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if options.env_id is None:
        raise ValueError("no environment: envserver-remote gym-core.Pong-v0")
    os.environ.update(zip(PASSWORD_VARIABLES, passwords, strict=True))  # taken out again at once
    words = ["--standalone", "--describe", "--host", EVERYWHERE, "--env-id", options.env_id]
    words += ["--port", str(VNC_PORT), "--rewarder-port", str(REWARDER_PORT)]
    if options.screen:
        words += ["--screen", options.screen]
    if options.fps:
        words += ["--fps", str(options.fps)]
    if options.env_kwargs:
        words += ["--env-kwargs", options.env_kwargs]
    from envserver.runtimes.gym_core.__main__ import main as gym_core

    return gym_core(words)


def _desktop(options: argparse.Namespace, vnc_password: str, rewarder_password: str) -> int:
    import resource

    # Engines allow a billion, and some programs close each that could be open.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_OPEN_FILES, hard), hard))
    programs: dict[int, str] = {}
    try:
        display_fd = _start_server(options.screen or "1024x768", vnc_password, programs)
        from envserver.remotes import init

        init.become_subreaper()
        _hide_memory()
        rewarder = _rewarder(options, rewarder_password) if options.task else None
        _wait_display(display_fd)
        programs[_spawn(["openbox", "--sm-disable"])] = "openbox"
        if rewarder is not None:
            programs[_fork(rewarder)] = "the rewarder"  # it waits for the window manager itself
        _keep_keys_free()
        if options.command:
            _wait_window_manager()
            programs[_spawn(options.command)] = "the program"
        return _watch(programs)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        from envserver.remotes import init

        init.kill_tree()


def _start_server(screen: str, password: str, programs: dict[int, str]) -> int:
    """Start Xvnc; returns where it writes the number of its display."""
    password_fd = _hidden(password)
    display_read, display_write = os.pipe()
    argv = ["Xvnc", "-displayfd", str(display_write), "-rfbport", str(VNC_PORT)]
    argv += ["-SecurityTypes", "VncAuth", "-rfbauth", f"/proc/self/fd/{password_fd}"]
    argv += ["-nolisten", "tcp", "-noreset", "-geometry", screen, "-depth", "24"]
    argv += ["-FrameRate", str(FRAME_RATE), "-desktop", "envserver", "-AlwaysShared"]
    argv += ["-MaxCutText", str(MAX_CUT_TEXT_BYTES)]
    # Connections that only look whether it lives must not lock the others out. Only errors are
    # printed: what ends a container is said with the last lines of its log.
    argv += ["-BlacklistThreshold", str(NEVER), "-Log", "*:stderr:0"]
    for descriptor in (display_write, password_fd):
        os.set_inheritable(descriptor, True)
    programs[_spawn(argv)] = "Xvnc"
    os.close(display_write)
    os.close(password_fd)
    return display_read


def _hide_memory() -> None:
    """Keep other programs of this user from reading this process's passwords (prctl(2))."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _hidden(password: str) -> int:
    """A file without a name with the password as Xvnc reads it."""
    plain_fd, hidden_fd = os.memfd_create("plain"), os.memfd_create("vnc-password")
    os.write(plain_fd, f"{password}\n".encode())
    os.lseek(plain_fd, 0, os.SEEK_SET)
    words = ["tigervncpasswd", "-f"]
    pid = os.posix_spawnp(
        words[0],
        words,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, plain_fd, 0), (os.POSIX_SPAWN_DUP2, hidden_fd, 1)],
    )
    os.close(plain_fd)
    _, status = os.waitpid(pid, 0)
    if status:
        raise ValueError(f"{words[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return hidden_fd


def _spawn(words: Sequence[str]) -> int:
    """Start a program that `_watch` reaps: a Popen that nobody keeps would reap it too."""
    return os.posix_spawnp(words[0], list(words), os.environ)


def _wait_display(display_fd: int) -> None:
    text = b""
    while not text.endswith(b"\n"):
        part = os.read(display_fd, 64)
        if not part:
            raise ValueError("Xvnc ended before its display was up")
        text += part
    os.close(display_fd)
    os.environ["DISPLAY"] = f":{int(text)}"


def _wait_window_manager() -> None:
    import asyncio

    from envserver.remotes.x11 import wait_window_manager

    asyncio.run(wait_window_manager(_x_socket(), b""))


def _keep_keys_free() -> None:
    """Let the server type any character, by a thread: a process would count as a program's."""
    import threading

    def keep() -> None:
        import asyncio
        import contextlib

        from envserver.remotes.spare_keys import SpareKeys

        async def run() -> None:
            spare_keys = await SpareKeys.open(_x_socket(), b"")
            await spare_keys.run()

        with contextlib.suppress(OSError):  # the server's end, which `_watch` reports
            asyncio.run(run())

    threading.Thread(target=keep, daemon=True).start()


def _x_socket() -> str:
    number = os.environ["DISPLAY"].removeprefix(":")
    path = f"/tmp/.X11-unix/X{number}"
    # Where the directory cannot be written, only the abstract one is.
    return path if os.path.exists(path) else f"\0{path}"


def _rewarder(options: argparse.Namespace, password: str) -> Callable[[], None]:
    """The rewarder, imported and ready to run in a child."""
    words = ["--task", options.task, "--port", str(REWARDER_PORT), "--host", EVERYWHERE]
    if options.env_id:
        words += ["--env-id", options.env_id]
    if options.time_limit:
        words += ["--time-limit", options.time_limit]
    from envserver.rewarder.__main__ import main as rewarder
    from envserver.rewarder.loading import load_task

    load_task(options.task)

    def run() -> None:
        sys.argv[1:] = words
        os.environ[PASSWORD_VARIABLES[1]] = password  # it takes it out again
        rewarder()

    return run


def _fork(run: Callable[[], None]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    status = 1
    try:
        run()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _watch(programs: dict[int, str]) -> int:
    """Reap until the desktop is over."""
    program_status: int | None = None
    while True:
        pid, wait_status = os.waitpid(-1, 0)
        status = os.waitstatus_to_exitcode(wait_status)
        name = programs.pop(pid, "")
        if name == "the program":
            program_status = status
        elif name:
            print(f"envserver-remote: {name} ended with status {status}", file=sys.stderr)
            return 1
        if program_status is not None and not _others(programs):
            ended = f"the program ended with status {program_status}"
            print(f"envserver-remote: {ended}", file=sys.stderr)
            return program_status if program_status >= 0 else 128 - program_status


def _others(programs: dict[int, str]) -> set[int]:
    """What runs here beside the desktop's own programs, and what those started for themselves."""
    from envserver.remotes import init

    others = set(init.descendants_of(os.getpid()))
    for pid in programs:
        others -= {pid, *init.descendants_of(pid)}
    return others


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())

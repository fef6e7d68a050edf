"""Processes seen from outside: who they are, how they are started, when they end.  [I/O]"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

OWNER_VARIABLE = "ENVSERVER_OWNER"
"""Environment variable that every process of a daemon carries: the daemon's `identity`."""

_ROOT = Path(__file__).resolve().parent.parent


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None when it has ended (a zombie has)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    # The name in parentheses may hold anything, a closing parenthesis too.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def identity(pid: int) -> str | None:
    """A text that no other process ever has: pid, start time and boot; None when it has ended."""
    ticks = start_ticks(pid)
    return None if ticks is None else f"{pid}:{ticks}:{boot_id()}"


def is_alive(known: str) -> bool:
    """Whether the process of that `identity` still runs."""
    digits = known.partition(":")[0]
    return digits.isdigit() and identity(int(digits)) == known


def processes_owned() -> Iterator[tuple[int, str]]:
    """Each process of this user and pid namespace that carries OWNER_VARIABLE, with its value.

    In another namespace, a container's, the numbers in the value mean other processes.
    """
    marker = f"{OWNER_VARIABLE}=".encode()
    own_namespace = os.readlink("/proc/self/ns/pid")
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if os.readlink(Path(entry.path, "ns", "pid")) != own_namespace:
                continue
            variables = Path(entry.path, "environ").read_bytes()
        except OSError:
            continue
        for variable in variables.split(b"\0"):
            if variable.startswith(marker):
                yield int(entry.name), os.fsdecode(variable[len(marker) :])


def python_command(*arguments: str) -> list[str]:
    """The command line of another interpreter of this installation."""
    return [sys.executable, "-P", *arguments]


def python_environment(**extra: str) -> dict[str, str]:
    """This process's environment, in which each directory finds the four packages.

    What PYTHONPATH names is found too: an entry that depends on this process's directory, as an
    empty one does, becomes absolute.
    """
    environment = {**os.environ, **extra}
    found = environment.get("PYTHONPATH", "")
    entries = [os.path.abspath(entry) for entry in found.split(os.pathsep)] if found else []
    if str(_ROOT) not in entries and not _installed():
        entries.insert(0, str(_ROOT))
    if entries:
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment


def _installed() -> bool:
    return _ROOT.name in ("site-packages", "dist-packages")


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: int | IO[bytes],
    descriptors: Sequence[int],
) -> "subprocess.Popen[bytes]":
    """Start a process of ours: in a session of its own, so that no Ctrl-C of a terminal reaches it.

    Args:
        output: gets what it prints.
        descriptors: what it inherits, at the same numbers.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,
    )


def send_signal(pidfd: int, number: int = signal.SIGKILL) -> None:
    """Signal the process of a pidfd; one that has ended is left alone."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


async def wait_readable(descriptor: int) -> None:
    """Wait until a descriptor (a pidfd: until its process ended) is readable."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        loop.remove_reader(descriptor)
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(descriptor, arrived)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)


def log_tail(path: Path | None, lines: int = 20, max_bytes: int = 8192) -> list[str]:
    """The last lines of a log; none when it cannot be read."""
    if path is None:
        return []
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - max_bytes))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]

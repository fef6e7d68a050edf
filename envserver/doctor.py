"""What this machine has of what envserver needs, and how to mend the rest.  [I/O]"""

import dataclasses
import importlib
import importlib.metadata
import mmap
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

from envserver.installation import ROOT
from envserver.settings import home_directory, make_private_directory

MODULES = ("shm.layout", "shm.ring", "cython_vnc.protocol", "workers.entries")
SESSION_BYTES = 8 * (2 + 1) * 1024 * 768 * 3
"""Pixels of 8 full screens with 2 slots, and of each one's spare: the default session."""
FILES = 4096
MADV_POPULATE_WRITE = 23
KERNEL_CALLS: tuple[tuple[str, str, Callable[[], int]], ...] = (
    ("eventfd", "Linux 2.6.27", lambda: os.eventfd(0)),
    ("pidfd_open", "Linux 5.3", lambda: os.pidfd_open(os.getpid())),
    ("memfd_create", "Linux 3.17", lambda: os.memfd_create("envserver-doctor")),
)
COMMAND_TIMEOUT_S = 10.0
DOCKER_VERSION = "import docker; print(docker.from_env(timeout=2).version()['Version'])"


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: str
    """"ok", "warn" (something is slower or missing), or "fail" (nothing works)."""
    found: str
    mend: str = ""


def examine() -> list[Check]:
    """Look at everything; nothing is changed or left behind."""
    return [check for examiner in EXAMINERS for check in examiner()]


def _judge(name: str, holds: bool, found: str, mend: str, otherwise: str = "fail") -> Check:
    return Check(name, "ok", found) if holds else Check(name, otherwise, found, mend)


def _python() -> Iterator[Check]:
    yield _judge(
        "python",
        sys.version_info >= (3, 11) and sys.implementation.name == "cpython",
        f"{platform.python_implementation()} {platform.python_version()}",
        "install CPython 3.11 or later, then: make PYTHON=python3.12 test",
    )


def _kernel() -> Iterator[Check]:
    release = platform.release()
    if sys.platform != "linux":
        yield Check("kernel", "fail", sys.platform, "envserver runs on Linux only")
        return
    for name, needs, create in KERNEL_CALLS:
        try:
            os.close(create())
        except OSError as error:
            mend = f"needs {needs} or later, or a sandbox that allows it"
            yield Check(name, "fail", f"{release}: {error.strerror}", mend)
        else:
            yield Check(name, "ok", release)
    try:
        with mmap.mmap(-1, mmap.PAGESIZE) as page:
            page.madvise(MADV_POPULATE_WRITE)
    except OSError as error:
        mend = "without it sessions start slower; Linux 5.14 or later has it"
        yield Check("MADV_POPULATE_WRITE", "warn", f"{release}: {error.strerror}", mend)
    else:
        yield Check("MADV_POPULATE_WRITE", "ok", release)


def _cores() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0))
    mend = "8 environments at 60 frames a second need 2 cores"
    yield _judge("cores", cores >= 2, str(cores), mend, "warn")


def _shared_memory() -> Iterator[Check]:
    try:
        space = os.statvfs("/dev/shm")
    except OSError as error:
        mend = "mount it (mount -t tmpfs tmpfs /dev/shm); until then sessions use memfd"
        yield Check("/dev/shm", "warn", error.strerror or str(error), mend)
        return
    size, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
    found = f"{(size - free) / 2**20:.0f} of {size / 2**20:.0f} MiB used"
    mend = (
        f"8 full screens with 2 slots need {SESSION_BYTES / 2**20:.0f} MiB; sessions use memfd"
        " instead; in Docker give --shm-size=1g"
    )
    yield _judge("/dev/shm", free >= SESSION_BYTES, found, mend, "warn")


def _directory() -> Iterator[Check]:
    home = place = home_directory()
    try:
        if os.path.lexists(home):
            make_private_directory(home)
        while not os.path.lexists(place):
            place = place.parent
        with tempfile.TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        mend = "daemons keep their files there: name another place in ENVSERVER_DIRECTORY"
        yield Check("directory", "fail", f"{home}: {error.strerror or error}", mend)
    else:
        yield Check("directory", "ok", str(home))


def _limits() -> Iterator[Check]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    mend = f"many environments need more descriptors: ulimit -n {FILES}"
    yield _judge("open files", soft >= min(FILES, 1024), f"{soft} (at most {hard})", mend, "warn")


def _compiled() -> Iterator[Check]:
    for name in MODULES:
        try:
            importlib.import_module(name)
        except Exception as error:  # anything that a module built for another layout may do
            mend = f"run 'make build' in {ROOT}"
            yield Check(name, "fail", f"{type(error).__name__}: {error}", mend)
            return
    layout = importlib.import_module("shm.layout")
    version = getattr(layout, "LAYOUT_VERSION", "unknown")
    yield Check("compiled modules", "ok", f"segment layout {version}")


def _dependencies() -> Iterator[Check]:
    try:
        required = importlib.metadata.requires("envserver") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("envserver", "fail", "not installed", f"run 'make build' in {ROOT}")
        return
    for requirement in required:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement:
            continue
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "fail", "not installed", f"run: pip install {name}")


def _runtimes() -> Iterator[Check]:
    try:
        from envserver.errors import EnvServerError
        from envserver.runtimes_file import load_runtimes
    except ImportError:  # a dependency, and that was said
        return
    place = os.environ.get("ENVSERVER_RUNTIMES")
    try:
        found = f"{len(load_runtimes())} in {place or 'runtimes.yml'}"
    except (EnvServerError, OSError, ValueError) as error:
        mend = "mend the file"
        if place:
            mend += ", or unset ENVSERVER_RUNTIMES, which names it"
        yield Check("runtimes", "fail", str(error), mend)
    else:
        yield Check("runtimes", "ok", found)


def _programs() -> Iterator[Check]:
    for name, package, options in (
        ("Xvnc", "tigervnc-standalone-server", ["-version"]),
        ("openbox", "openbox", ["--version"]),
    ):
        path = shutil.which(name)
        if path is None:
            mend = f"for the runtime xvnc: apt-get install {package}"
            yield Check(name, "warn", "not installed", mend)
            continue
        version = re.search(r"\d+\.\d+[\d.]*", _say([path, *options]))
        yield Check(name, "ok", f"{path} {version.group() if version else ''}".strip())


def _docker() -> Iterator[Check]:
    # In a process of its own: docker-py leaves sockets open when there is no engine.
    said = _say([sys.executable, "-I", "-c", DOCKER_VERSION])
    answers = re.fullmatch(r"\d[\w.+-]*", said) is not None
    mend = "for remotes in containers: start Docker, or set DOCKER_HOST"
    yield _judge("Docker engine", answers, said if answers else "none answers", mend, "warn")


def _say(command: list[str]) -> str:
    """What a program says; empty when it cannot be run or takes too long."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip()


EXAMINERS: tuple[Callable[[], Iterator[Check]], ...] = (
    *(_python, _kernel, _cores, _shared_memory, _directory, _limits),
    *(_compiled, _dependencies, _runtimes, _programs, _docker),
)

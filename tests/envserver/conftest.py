"""Daemons and trainers of tests: each in a directory of its own, all ended at the end."""

import os
import select
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fakes.script import Script


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) in place of /tmp/envserver-UID."""
    directory = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(directory))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    monkeypatch.delenv("ENVSERVER_LOG_DIRECTORY", raising=False)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def run_script(home: Path) -> Iterator[Callable[[str], Script]]:
    """Starts scripts, and ends those that still run."""
    scripts: list[Script] = []

    def start(code: str) -> Script:
        scripts.append(Script(code, home))
        return scripts[-1]

    yield start
    for script in scripts:
        script.end()


@pytest.fixture
def daemon(run_script: Callable[[str], Script], home: Path) -> Script:
    """A daemon at the default address of `home`."""
    script = run_script(
        "import os\n"
        "from envserver.broker.main import run\n"
        "run(ready_fd=os.dup(1))\n"  # the ready byte is not a line: read below
    )
    assert script.process.stdout is not None
    ready, _, _ = select.select([script.process.stdout], [], [], 30.0)
    assert ready
    assert os.read(script.process.stdout.fileno(), 1) == b"\1"
    return script


@pytest.fixture
def ends() -> Iterator[Callable[..., Callable[[float], bool]]]:
    """`ends(pids)` begins to watch processes; what it returns waits until all have ended."""
    pidfds: list[int] = []

    def watch(*pids: int) -> Callable[[float], bool]:
        watched = [os.pidfd_open(pid) for pid in pids]
        pidfds.extend(watched)
        return lambda timeout_s: all(select.select([fd], [], [], timeout_s)[0] for fd in watched)

    yield watch
    for pidfd in pidfds:
        os.close(pidfd)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """When the test has ended, its processes end too, and no descriptor is open that was not."""
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    left = [child for child in me.children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive
    assert len(os.listdir("/proc/self/fd")) <= descriptors

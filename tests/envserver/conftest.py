"""Daemons and trainers of tests: each in a directory of its own, all ended at the end."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Script:
    """A Python process that prints lines and then waits for the end of its standard input."""

    def __init__(self, code: str, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what `line` leaves must stay visible to select
            cwd=home,
            env={
                **os.environ,
                "ENVSERVER_DIRECTORY": str(home),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
            },
            start_new_session=True,
        )
        self.pid = self.process.pid

    def line(self, timeout_s: float = 30.0) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        assert ready, "the script printed nothing"
        return self.process.stdout.readline().decode().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


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

"""Signals to a trainer at any moment: it ends at once, and nothing of it stays behind."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
END_S = 5.0
"""From the signal to the end of the script, and of everything that it started."""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
GYM = "envserver.make_vec('gym-core.Pong-v0', 2, fps=None"
DESKTOP = "envserver.make_vec('xvnc.Desktop-v0', 1, command='exec xterm -e cat', fps=None"

PREAMBLE = """
import os, select, signal, socket
import envserver
from envserver.due import QUIET

def idle():
    # Not signal.pause(): a signal just before it would be seen only after the next one.
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    select.select([woken], [], [])

"""

MOMENTS = {
    "the daemon starts": f"print('now'); {GYM})",
    "remotes start": f"{GYM}, progress=lambda status: print('now'))",
    "desktops start": f"{DESKTOP}, progress=lambda status: print('now'))",
    "a remote says nothing": """
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        said = lambda status: print("now")
        envserver.make_vec(remotes=f"vnc://127.0.0.1:{port}", progress=said)
    """,
    "a reset waits": f"""
        envs = {GYM})
        for worker in envs.session.status()["workers"]:
            os.kill(worker["pid"], signal.SIGSTOP)
        print("now")
        envs.reset()
    """,
    "recv waits": f"""
        envs = {GYM})
        envs.reset()
        envs.send([0, 0], due=QUIET(50_000, 60_000))
        print("now")
        envs.recv()
    """,
    "a stopped worker is waited for": f"""
        envs = {GYM}, step_timeout_s=60)
        envs.reset()
        os.kill(envs.session.status()["workers"][1]["pid"], signal.SIGSTOP)
        print("now")
        envs.step([0, 0])
    """,
    "stepping": f"""
        envs = {GYM})
        envs.reset()
        print("now")
        while True:
            envs.step([2, 3])
    """,
    "stepping a desktop": f"""
        envs = {DESKTOP})
        envs.reset()
        print("now")
        while True:
            envs.step([[("Text", "x")]])
    """,
    "stepping in finally": f"""
        envs = {GYM})
        try:
            envs.reset()
            print("now")
            while True:
                envs.step([2, 3])
        finally:
            envs.close()
    """,
    "closing": f"""
        envs = {GYM})
        envs.reset()
        print("now")
        envs.close()
        idle()
    """,
    "nothing is done": f"""
        envs = {GYM})
        print("now")
        idle()
    """,
}


class Trainer:
    """A script as a shell starts it: the leader of a process group of its own."""

    def __init__(self, code: str, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", PREAMBLE + textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=home,
            env={**os.environ, "ENVSERVER_DIRECTORY": str(home), "PYTHONPATH": str(ROOT)},
            process_group=0,
        )

    def wait_for_word(self) -> None:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 20.0)[0]
        word = self.process.stdout.readline()
        assert word == b"now\n", self.errors()

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def end(self) -> tuple[int, str]:
        """Wait for its end; the status, and what it wrote to its standard error."""
        errors = self.errors()
        return self.process.wait(END_S), errors

    def errors(self) -> str:
        assert self.process.stderr is not None
        text = b""
        while select.select([self.process.stderr], [], [], END_S)[0]:
            data = os.read(self.process.stderr.fileno(), 65536)
            if not data:
                return text.decode()
            text += data
        raise AssertionError(f"it did not end: {text.decode()}")

    def everything(self) -> list[int]:
        """Every process that it started, by whatever way, and that still runs."""
        mark = f"ENVSERVER_DIRECTORY={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def wait_for_all(self) -> None:
        """Wait until none of its processes runs."""
        for pid in self.everything():
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            try:
                assert select.select([pidfd], [], [], END_S)[0], command
            finally:
                os.close(pidfd)
        assert not self.everything()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def train(home: Path) -> Iterator[Callable[[str], Trainer]]:
    """Runs scripts; at the end nothing of them may be left."""
    before = shared_names()
    trainers: list[Trainer] = []

    def start(code: str) -> Trainer:
        trainers.append(Trainer(code, home))
        return trainers[-1]

    yield start
    for trainer in trainers:
        trainer.close()
        trainer.wait_for_all()
    assert not list(home.rglob("*"))
    assert shared_names() <= before


def shared_names() -> set[str]:
    """What programs leave behind under names that all share: memory, sockets of dead X servers."""
    found = {str(path) for path in Path("/dev/shm").iterdir()}
    for path in Path("/tmp/.X11-unix").glob("X*"):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(path))
            except OSError:
                found.add(str(path))
    return found


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left(
    train: Callable[[str], Trainer], moment: str, number: signal.Signals
) -> None:
    trainer = train(MOMENTS[moment])
    trainer.wait_for_word()
    trainer.signal(number)
    status, errors = trainer.end()
    assert status == -number
    if number == signal.SIGINT:
        assert errors.endswith("KeyboardInterrupt\n")
        assert errors.count("Traceback") == 1


def test_a_second_interrupt_while_closing(train: Callable[[str], Trainer]) -> None:
    trainer = train(MOMENTS["stepping in finally"])
    trainer.wait_for_word()
    trainer.signal(signal.SIGINT)
    trainer.signal(signal.SIGINT)
    status, errors = trainer.end()
    assert status == -signal.SIGINT
    assert errors.endswith("KeyboardInterrupt\n")

"""A daemon of this process's own: started here, gone with it.  [I/O]

It watches a pidfd of this process, which a fork cannot keep alive, and a pipe that `close` closes.
"""

import os
import secrets
import select
import shutil
import subprocess
import time
from pathlib import Path

from envserver.errors import BrokerUnavailable
from envserver.processes import identity, log_tail, python_command, python_environment, start
from envserver.settings import (
    Address,
    home_directory,
    make_private_directory,
    resolve_address,
)

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
TRAINER_FILE = "trainer"


class PrivateDaemon:
    """A running private daemon.

    Raises:
        BrokerUnavailable: it did not start; the message ends with its log.
    """

    def __init__(self) -> None:
        home = home_directory()
        self.directory = home / f"private-{os.getpid()}-{secrets.token_hex(4)}"
        self.address: Address = resolve_address(f"ipc://{self.directory}/broker")
        self._death_fd = -1
        try:
            try:
                make_private_directory(home)
                make_private_directory(self.directory)
                (self.directory / TRAINER_FILE).write_text(identity(os.getpid()) or "")
            except OSError as error:
                what = f"its directory {home} cannot be written: {error.strerror}"
                raise BrokerUnavailable(
                    f"no daemon can be started: {what if error.strerror else error}; "
                    "ENVSERVER_DIRECTORY names another place"
                ) from error
            self._process = self._start()
            self._wait_started()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise BrokerUnavailable(
                    f"no daemon can be started: {error} "
                    f"(its files go to {home}; ENVSERVER_DIRECTORY names another place)"
                ) from error
            raise
        self.pid = self._process.pid

    def _start(self) -> "subprocess.Popen[bytes]":
        trainer = os.pidfd_open(os.getpid())
        death_read, self._death_fd = os.pipe()
        self._ready_fd, ready_write = os.pipe()
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return start(
                python_command(
                    *("-m", "envserver.broker", "--private", "--address", self.address.url),
                    *("--trainer-pidfd", str(trainer), "--death-fd", str(death_read)),
                    *("--ready-fd", str(ready_write)),
                ),
                python_environment(),
                log,
                (trainer, death_read, ready_write),
            )
        finally:
            for descriptor in (trainer, death_read, ready_write, log):
                os.close(descriptor)

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    def _wait_started(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            while not select.select([self._ready_fd], [], [], 0.5)[0]:
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(
                        f"the private daemon did not start in {START_TIMEOUT_S:g} s{self.tail()}"
                    )
            if not os.read(self._ready_fd, 1):
                raise BrokerUnavailable(f"the private daemon could not start{self.tail()}")
        finally:
            os.close(self._ready_fd)

    def tail(self) -> str:
        """The last lines of its log, for the end of a message."""
        return "".join(f"\n    {line}" for line in log_tail(self.log))

    def close(self) -> None:
        """End the daemon with all that it runs, and remove its directory."""
        if self._death_fd >= 0:
            os.close(self._death_fd)
            self._death_fd = -1
        process = getattr(self, "_process", None)
        try:
            if process is not None:
                process.terminate()  # a fork of ours may keep the pipe open
                try:
                    process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

"""What a killed daemon and trainer left behind, removed at the next daemon's start.  [I/O]"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import time
from pathlib import Path

from envserver import processes
from envserver.errors import RemoteError
from envserver.private import TRAINER_FILE
from envserver.remotes import engine
from envserver.settings import Address, home_directory

logger = logging.getLogger(__name__)

UNSIGNED_S = 60.0
"""A private directory whose trainer did not yet sign it is left alone for so long."""


def sweep(own: Address) -> None:
    """End processes and containers without a daemon, private directories without a trainer."""
    for pid, owner in processes.processes_owned():
        if not processes.is_alive(owner.partition("/")[0]):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                logger.warning("killed process %d, whose daemon had ended", pid)
    try:
        for name in engine.sweep_if_used():
            logger.warning("removed container %s, whose daemon had ended", name)
    except RemoteError as error:
        logger.warning("containers of earlier daemons may be left: %s", error)
    with contextlib.suppress(FileNotFoundError):
        for directory in home_directory().glob("private-*"):
            if directory != own.directory and _abandoned(directory):
                shutil.rmtree(directory, ignore_errors=True)
                logger.info("removed %s, whose trainer had ended", directory)


def remove_private(directory: Path) -> None:
    """Remove a private daemon's directory, log included."""
    shutil.rmtree(directory, ignore_errors=True)


def _abandoned(directory: Path) -> bool:
    try:
        signature = (directory / TRAINER_FILE).read_text()
        if not signature:
            raise FileNotFoundError
    except FileNotFoundError:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - directory.stat().st_mtime > UNSIGNED_S
        return False
    return not processes.is_alive(signature) and not _locked(directory / "broker.lock")


def _locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

"""`envserver serve`: one daemon at an address, from its lock to its last file.  [I/O]"""

import asyncio
import contextlib
import dataclasses
import errno
import fcntl
import logging
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from envserver import processes, settings
from envserver.broker import sweep
from envserver.broker.daemon import Daemon
from envserver.errors import BrokerUnavailable

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class PrivateLease:
    """What a private daemon ends with: a pidfd of its trainer, and the read end of its pipe."""

    trainer_pidfd: int
    death_fd: int


def run(
    address: str | Path | None = None,
    *,
    private: PrivateLease | None = None,
    log_directory: Path | None = None,
    ready_fd: int | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT, a `stop` request, or the end of a private daemon's trainer.

    Args:
        ready_fd: gets one byte when trainers can connect, and is closed.

    Raises:
        BrokerUnavailable: another daemon has the address, or logs cannot be kept where they should.
    """
    where = settings.resolve_address(address)
    settings.make_private_directory(where.directory)
    log_directory = _made_log_directory(log_directory)
    _raise_descriptor_limit()
    with _locked(where):
        asyncio.run(_serve(where, private, log_directory, ready_fd))


def _made_log_directory(given: Path | None) -> Path | None:
    directory = given or settings.log_directory()
    if directory is not None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            name = "ENVSERVER_LOG_DIRECTORY" if given is None else "the log directory"
            raise BrokerUnavailable(
                f"{name} is '{directory}', which cannot be written: {error.strerror}"
            ) from error
    return directory


async def _serve(
    where: settings.Address,
    private: PrivateLease | None,
    log_directory: Path | None,
    ready_fd: int | None,
) -> None:
    daemon = Daemon(where, log_directory, private=private is not None)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, daemon.stop, signal.Signals(number).name)
    watchers = []
    if private is not None:
        for descriptor, why in (
            (private.trainer_pidfd, "its trainer ended"),
            (private.death_fd, "its trainer closed it"),
        ):
            watchers.append(asyncio.create_task(_stop_when(daemon, descriptor, why)))
    logger.info("process %d serves %s", daemon.pid, where.url)
    if ready_fd is not None:
        # A trainer that has ended is seen by its pidfd.
        with contextlib.suppress(OSError):
            os.write(ready_fd, b"\1")
        os.close(ready_fd)
    watchers.append(asyncio.create_task(asyncio.to_thread(sweep.sweep, where)))
    try:
        await daemon.run()
    finally:
        for watcher in watchers:
            watcher.cancel()
        if private is not None or where.is_hashed:
            sweep.remove_private(where.directory)


async def _stop_when(daemon: Daemon, descriptor: int, why: str) -> None:
    await processes.wait_readable(descriptor)
    daemon.stop(why)


@contextlib.contextmanager
def _locked(where: settings.Address) -> Iterator[None]:
    """Hold the address's lock, in which the process id is written.

    Raises:
        BrokerUnavailable: another process holds it.
    """
    descriptor = _lock(where)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        where.lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(where: settings.Address) -> int:
    while True:
        descriptor = os.open(where.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The daemon before may have unlinked the file between our open and our lock.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == where.lock.stat().st_ino:
                    return descriptor
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise BrokerUnavailable(
                f"a daemon (process {holder}) serves {where.url} already: 'envserver stop' ends it"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _raise_descriptor_limit() -> None:
    """Every worker costs the daemon some; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

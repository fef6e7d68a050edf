"""Changes of a directory's files, by inotify(7).  [I/O]"""

import contextlib
import ctypes
import os
from pathlib import Path

from envserver.rewarder.errors import DesktopError

IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM, IN_MOVED_TO = 0x40, 0x80
IN_CREATE, IN_DELETE = 0x100, 0x200
CHANGES = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
BUFFER_BYTES = 1 << 16


class DirectoryWatch:
    """A descriptor that is readable after a file of one directory was written, moved or removed.

    Raises:
        DesktopError: the directory cannot be watched.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._number: int | None = None
        try:
            self.renew()
        except DesktopError:
            self.close()
            raise

    def renew(self) -> None:
        """Watch the directory that has the name now, where the one before was moved or removed.

        Raises:
            DesktopError: it cannot be watched.
        """
        path = os.fsencode(self._directory)
        number = self._descriptor
        if number >= 0:
            number = self._libc.inotify_add_watch(self._descriptor, path, CHANGES)
        if number < 0:
            error = os.strerror(ctypes.get_errno())
            raise DesktopError(f"cannot watch {self._directory}: {error}")
        if self._number not in (None, number):
            self._libc.inotify_rm_watch(self._descriptor, self._number)
        self._number = number

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> None:
        """Take what is there: which file it was is the task's to find out."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, BUFFER_BYTES)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

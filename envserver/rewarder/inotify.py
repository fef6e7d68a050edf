"""Changes of a directory's files, by inotify(7).  [I/O]"""

import contextlib
import ctypes
import os
from pathlib import Path

from envserver.rewarder.errors import DesktopError

IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM, IN_MOVED_TO = 0x40, 0x80
IN_CREATE, IN_DELETE = 0x100, 0x200
BUFFER_BYTES = 1 << 16


class DirectoryWatch:
    """A descriptor that is readable after a file of one directory was written, moved or removed.

    Raises:
        DesktopError: the directory cannot be watched.
    """

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        mask = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
        path = os.fsencode(directory)
        if self._descriptor < 0 or libc.inotify_add_watch(self._descriptor, path, mask) < 0:
            error = os.strerror(ctypes.get_errno())
            self.close()
            raise DesktopError(f"cannot watch {directory}: {error}")

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

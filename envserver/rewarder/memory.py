"""Reads the memory of a program that runs: a score that it neither draws nor writes down.  [I/O]

The kernel lets a process read another's memory where it could trace it (ptrace(2)): one of the same
user, and under Yama, which most distributions have, only one that descends from the reader. What a
task's `desktop.run` starts does both; no capability is needed, in a container neither.
"""

import os
import struct
from typing import Any, NamedTuple

from envserver.rewarder.errors import DesktopError

MAX_READ_BYTES = 1 << 30
POINTER = "P"


class Region(NamedTuple):
    """A range of addresses: where it begins, where it ends, and the file that it shows."""

    start: int
    end: int
    path: str


class ProcessMemory:
    """What a process has in its memory.

    Args:
        pid: of the task's own program, or of one that this one started.

    Raises:
        DesktopError: it has ended, or may not be read.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._descriptor = -1
        try:
            self._descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise DesktopError(f"process {pid} has ended: its memory is gone") from error
        except PermissionError as error:
            raise DesktopError(
                f"the memory of process {pid} may not be read ({error.strerror}): "
                "only that of programs which the task started"
            ) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def regions(self) -> list[Region]:
        """All that is mapped, lowest address first; files by their path, "[heap]", "[stack]".

        Raises:
            DesktopError: the process has ended.
        """
        try:
            with open(f"/proc/{self._pid}/maps") as file:
                lines = file.read().splitlines()
        except (FileNotFoundError, ProcessLookupError) as error:
            raise self._gone() from error
        found = []
        for line in lines:
            addresses, _, _, _, _, *path = line.split(maxsplit=5)
            start, _, end = addresses.partition("-")
            found.append(Region(int(start, 16), int(end, 16), path[0] if path else ""))
        return found

    def base(self, module: str) -> int:
        """Where a program or library was loaded: addresses inside it are the same from there on.

        Args:
            module: the name of its file, such as "game" or "libgame.so.1".

        Raises:
            DesktopError: there is none of that name, or the process has ended.
        """
        regions = self.regions()
        for region in regions:
            if os.path.basename(region.path) == module:
                return region.start
        names = sorted({os.path.basename(each.path) for each in regions if "/" in each.path})
        raise DesktopError(
            f"process {self._pid} has no module {module!r}, it has {', '.join(names) or 'none'}"
        )

    def read(self, address: int, count: int) -> bytes:
        """So many bytes.

        Raises:
            ValueError: `count` is out of range.
            DesktopError: not all of them are mapped, or the process has ended.
        """
        if not 0 <= count <= MAX_READ_BYTES:
            raise ValueError(f"count is {count}, expected 0 to {MAX_READ_BYTES} bytes")
        try:
            content = os.pread(self._descriptor, count, address)
        except (OSError, OverflowError) as error:
            raise self._unmapped(address, count) from error
        if len(content) != count:
            raise self._unmapped(address, count)
        return content

    def values(self, address: int, form: str) -> tuple[Any, ...]:
        """Numbers as `struct` describes them, in the machine's own order: "i", "3d", "IhB".

        Raises:
            DesktopError: as for `read`.
        """
        return struct.unpack(form, self.read(address, struct.calcsize(form)))

    def value(self, address: int, form: str) -> Any:
        """One number, as `values` has it."""
        return self.values(address, form)[0]

    def follow(self, address: int, *offsets: int) -> int:
        """The address that a chain of pointers leads to: each is read, and its offset added.

        Raises:
            DesktopError: as for `read`; a pointer that is null leads nowhere.
        """
        for offset in offsets:
            address = self.value(address, POINTER) + offset
        return address

    def _unmapped(self, address: int, count: int) -> DesktopError:
        if not self.regions():  # an ended process that nobody waited for still has its files
            return self._gone()
        return DesktopError(
            f"process {self._pid} has nothing at {address:#x} to {address + count:#x}"
        )

    def _gone(self) -> DesktopError:
        return DesktopError(f"process {self._pid} has ended: its memory is gone")

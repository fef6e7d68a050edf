"""Making, handing on and mapping the memory of one session (I/O: files, memory).

A segment has no name: it is a descriptor, inherited or sent over a unix socket. So nothing is left
behind however its processes end. All its pages are allocated when it is made, so that no process
ever gets SIGBUS for touching one.
"""

import fcntl
import itertools
import os
import threading
from collections.abc import Mapping as MappingType
from typing import Self

from shm.errors import LayoutMismatch, SegmentError
from shm.layout import PAGE_BYTES, header_bytes, segment_bytes
from shm.memory import available_bytes
from shm.view import Mapping, Memory, read_sizes

# Allocating is restarted from its beginning by every signal: no more than this is lost.
_ALLOCATE_BYTES = 64 << 20
# While pages are populated the process maps nothing else, and may not even touch a new page.
_POPULATE_BYTES = 16 << 20


class Segment:
    """An open descriptor of a segment. Usable as a context manager, which closes it.

    Attributes:
        sizes: `num_envs`, `height`, `width`, `channels`, `slots`, `queue_entries`, `total_bytes`
            and `version`.
        kind: "shm" (in the directory given, normally /dev/shm), "memfd", or "attached" when
            another process made it.
    """

    def __init__(self, fd: int, sizes: dict[str, int], kind: str) -> None:
        self._fd = fd
        self.sizes = sizes
        self.kind = kind

    @classmethod
    def create(
        cls,
        num_envs: int,
        height: int,
        width: int,
        channels: int,
        slots: int,
        queue_entries: int = 1024,
        *,
        directory: str | os.PathLike[str] = "/dev/shm",
    ) -> Self:
        """Allocate a new segment, in `directory` or, where that is too small, in a memfd.

        Raises:
            ValueError: a size that no segment can have.
            SegmentError: there is not so much memory.
        """
        sizes = (num_envs, height, width, channels, slots, queue_entries)
        nbytes = segment_bytes(*sizes)
        memory = available_bytes()
        needs = (
            f"a segment of {num_envs} environments x {slots} slots of {width}x{height}x{channels} "
            f"needs {_megabytes(nbytes)}"
        )
        advice = "use fewer slots, fewer environments or smaller observations"
        if memory is not None and nbytes > memory:
            raise SegmentError(
                f"{needs}, but this process may use only {_megabytes(memory)} more memory: {advice}"
            )
        found: list[str] = []
        for kind in ("shm", "memfd"):
            place = os.fspath(directory) if kind == "shm" else "a memfd"
            try:
                # O_TMPFILE: there is no name to be left behind, not even between two calls.
                fd = (
                    os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600)
                    if kind == "shm"
                    else os.memfd_create("envserver", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                )
            except OSError as error:
                found.append(f"{place} cannot be used ({error.strerror})")
                continue
            try:
                room = _room(fd) if kind == "shm" else None
                if room is not None and room < nbytes:
                    found.append(f"{place} has {_megabytes(room)} free")
                    os.close(fd)
                    continue
                _allocate(fd, nbytes)
                os.pwrite(fd, header_bytes(*sizes), 0)
                if kind == "memfd":
                    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
                return cls(fd, read_sizes(fd), kind)
            except OSError as error:
                os.close(fd)
                found.append(f"{place} cannot hold it ({error.strerror})")
            except BaseException:
                os.close(fd)
                raise
        if memory is not None:
            found.append(f"this process may use {_megabytes(memory)} more memory")
        raise SegmentError(f"{needs}, but {', '.join(found)}: {advice}")

    @classmethod
    def attach(cls, fd: int, *, expect: MappingType[str, int] | None = None) -> Self:
        """Take over a descriptor that another process made; it stays the caller's if this raises.

        Args:
            fd: the descriptor.
            expect: sizes that it must have, by the names of `sizes`.

        Raises:
            LayoutMismatch: no segment, another version's, cut short, or not of the sizes expected.
        """
        sizes = read_sizes(fd)
        for name, value in (expect or {}).items():
            if sizes[name] != value:
                raise LayoutMismatch(f"segment has {name} = {sizes[name]}, expected {value}")
        return cls(fd, sizes, "attached")

    @property
    def fd(self) -> int:
        """The descriptor, not inherited by children unless passed on.

        Raises:
            SegmentError: the segment was closed.
        """
        if self._fd < 0:
            raise SegmentError("the segment was closed")
        return self._fd

    @property
    def nbytes(self) -> int:
        return self.sizes["total_bytes"]

    def map(self) -> Mapping:
        """Map it for reading and writing; the mapping outlives `close`."""
        return Mapping(self.fd)

    def prefault(self, threads: int = 1) -> None:
        """Clear all pages now: the first touch of a page costs many times a later one.

        Raises:
            SegmentError: the pages cannot be had.
        """
        if threads < 1:
            raise ValueError(f"threads is {threads}, expected at least 1")
        memory = self.map().memory
        pages = self.nbytes // PAGE_BYTES
        edges = [pages * part // threads * PAGE_BYTES for part in range(threads + 1)]
        errors: list[SegmentError] = []
        started = [
            threading.Thread(target=_populate, args=(memory, start, stop, errors))
            for start, stop in itertools.pairwise(edges)
        ]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Close the descriptor; the memory lives as long as any process maps it or has it open."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _populate(memory: Memory, start: int, stop: int, errors: list[SegmentError]) -> None:
    try:
        for at in range(start, stop, _POPULATE_BYTES):
            memory.populate(at, min(at + _POPULATE_BYTES, stop))
    except SegmentError as error:
        errors.append(error)


def _room(fd: int) -> int | None:
    """What the filesystem of a file has free; None where it has no limit."""
    space = os.fstatvfs(fd)
    return space.f_bavail * space.f_frsize if space.f_blocks else None


def _allocate(fd: int, nbytes: int) -> None:
    for start in range(0, nbytes, _ALLOCATE_BYTES):
        os.posix_fallocate(fd, start, min(_ALLOCATE_BYTES, nbytes - start))


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e6:.1f} MB"

"""Mapping a segment (I/O: mmap, madvise).

A `Memory` is unmapped when nothing refers to it any more: not its mapping, not an array or memoryview made of it. So a
view stays valid after its owner was closed, and nobody reads unmapped memory.
"""

import os

from cpython.buffer cimport PyBuffer_FillInfo
from libc.errno cimport EINTR, EINVAL, errno
from libc.stdint cimport uint8_t, uint64_t
from posix.mman cimport (
    MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED, PROT_NONE, PROT_READ, PROT_WRITE,
    mmap, munmap,
)

from shm.layout cimport LAYOUT_VERSION, PAGE_BYTES, Header, View

from shm.errors import LayoutMismatch, SegmentError
from shm.layout import header_sizes

cdef extern from *:
    """
    #include <sys/mman.h>
    #ifndef MADV_POPULATE_READ
    #define MADV_POPULATE_READ 22
    #endif
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE 23
    #endif
    /* A fault for writing that leaves the byte as it is, whoever else writes it meanwhile. */
    static void page_touch(unsigned char *byte, int write) {
        if (write)
            __atomic_fetch_or(byte, 0, __ATOMIC_RELAXED);
        else
            (void)__atomic_load_n(byte, __ATOMIC_RELAXED);
    }
    """
    int MADV_POPULATE_READ, MADV_POPULATE_WRITE
    int madvise(void* address, size_t nbytes, int advice) nogil
    void page_touch(uint8_t* byte, int write) nogil


cdef class Memory:
    def __cinit__(self):
        self.base = NULL

    def __dealloc__(self):
        if self.base != NULL:
            munmap(self.base, self.nbytes)

    cdef void replace(self, uint8_t* base, size_t nbytes, bint writable) noexcept:
        self.base = base
        self.nbytes = nbytes
        self.writable = writable

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.base, self.nbytes, not self.writable, flags)

    def __len__(self):
        return self.nbytes

    def populate(self, size_t start, size_t stop):
        if start % PAGE_BYTES or start > stop or stop > self.nbytes:
            raise ValueError(f"bytes {start} to {stop} are no pages of {self.nbytes} bytes")
        cdef int advice = MADV_POPULATE_WRITE if self.writable else MADV_POPULATE_READ
        cdef int error = 0
        cdef size_t at
        with nogil:
            while madvise(self.base + start, stop - start, advice) != 0:
                error = errno
                if error != EINTR:
                    break
                error = 0
            if error == EINVAL:
                # A kernel before 5.14.
                error = 0
                at = start
                while at < stop:
                    page_touch(self.base + at, self.writable)
                    at += PAGE_BYTES
        if error:
            raise SegmentError(f"cannot populate {stop - start} bytes of shared memory: {os.strerror(error)}")


cdef Memory memory_map(int fd, size_t offset, size_t nbytes, bint writable):
    """Map bytes of a descriptor; shared with whoever else maps it."""
    cdef void* base = mmap(NULL, nbytes, PROT_READ | (PROT_WRITE if writable else 0), MAP_SHARED, fd, offset)
    if base == MAP_FAILED:
        raise SegmentError(f"cannot map {nbytes / 1e6:.1f} MB of shared memory: {os.strerror(errno)}")
    cdef Memory memory = Memory.__new__(Memory)
    memory.replace(<uint8_t*>base, nbytes, writable)
    return memory


cdef Memory memory_mirror(int fd, size_t offset, size_t nbytes):
    """Map bytes of a descriptor twice in a row, read-only: what runs over the end goes on at the beginning."""
    # The reservation keeps other threads' mappings out of the place while it is filled.
    cdef void* base = mmap(NULL, 2 * nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if base == MAP_FAILED:
        raise SegmentError(f"cannot reserve {2 * nbytes / 1e6:.1f} MB of addresses: {os.strerror(errno)}")
    cdef Memory memory = Memory.__new__(Memory)
    memory.replace(<uint8_t*>base, 2 * nbytes, False)
    cdef int half
    for half in range(2):
        if mmap(memory.base + half * nbytes, nbytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED:
            raise SegmentError(f"cannot map {nbytes / 1e6:.1f} MB of shared memory: {os.strerror(errno)}")
    return memory


def read_sizes(int fd):
    try:
        status = os.fstat(fd)
        raw = os.pread(fd, sizeof(Header), 0)
    except OSError as error:
        raise LayoutMismatch(f"descriptor {fd} holds no segment: {os.strerror(error.errno)}") from error
    try:
        sizes = header_sizes(raw)
    except ValueError as error:
        raise LayoutMismatch(f"descriptor {fd} holds no segment: {error}") from error
    if sizes["version"] != LAYOUT_VERSION:
        raise LayoutMismatch(
            f"segment has layout version {sizes['version']}, this is version {LAYOUT_VERSION}: "
            "the daemon runs another envserver version; restart it"
        )
    if sizes["total_bytes"] != status.st_size:
        # Mapping it would mean SIGBUS at the first byte that is not there.
        raise LayoutMismatch(
            f"segment has {status.st_size} bytes, its header says {sizes['total_bytes']}"
        )
    return sizes


cdef class Mapping:
    def __init__(self, int fd):
        self.sizes = read_sizes(fd)
        self.memory = memory_map(fd, 0, self.sizes["total_bytes"], True)
        self.view.base = self.memory.base
        self.view.header = <Header*>self.memory.base

    @property
    def nbytes(self):
        return self.memory.nbytes

    @property
    def num_envs(self):
        return self.sizes["num_envs"]

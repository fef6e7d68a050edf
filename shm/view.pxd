"""One process's mapping of a segment, for reading and writing."""

from libc.stdint cimport uint8_t

from shm.layout cimport View


cdef class Memory:
    """Mapped bytes that end with the last who uses them; a read-only or writable buffer for Python."""

    cdef uint8_t* base
    cdef readonly size_t nbytes
    cdef readonly bint writable
    cdef void replace(self, uint8_t* base, size_t nbytes, bint writable) noexcept


cdef class Mapping:
    """The whole segment, mapped once. `view` is what layout.pxd and row.pxd take."""

    cdef View view
    cdef readonly Memory memory
    cdef readonly dict sizes


cdef Memory memory_map(int fd, size_t offset, size_t nbytes, bint writable)
cdef Memory memory_mirror(int fd, size_t offset, size_t nbytes)

"""The screen source of a worker that is not connected (see source.pxd for what a source is)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef class ScreenSource:
    """No pixels, no descriptor; input is dropped."""

    def __cinit__(self):
        self.descriptor = -1

    cdef bint readable(self) noexcept nogil:
        return True

    cdef bint flush(self) noexcept nogil:
        return True

    cdef bint settle(self) noexcept nogil:
        return True

    cdef void shown_as(self, bint gray, bint small) noexcept nogil:
        pass

    cdef int64_t pace(self, int64_t now_ns) noexcept nogil:
        return NEVER_NS

    cdef bint key(self, uint32_t keysym, bint down) noexcept nogil:
        return True

    cdef bint pointer(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil:
        return True

    cdef bint refresh(self) noexcept nogil:
        return True

    cdef bint barrier(self, uint64_t payload) noexcept nogil:
        return True

    cdef bint exchange(self, uint64_t parcel) noexcept nogil:
        return True

    cdef void step_begins(self, uint64_t step) noexcept nogil:
        pass

    def why(self) -> str:
        """Say how the source broke."""
        return "not connected"

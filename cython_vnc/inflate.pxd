"""A zlib stream that lives as long as its connection (RFC 1950). Which library inflates is nobody else's business."""

from libc.stdint cimport uint8_t

cdef struct Inflate:
    void* stream                # NULL until first used

cdef int inflate_feed(Inflate* inflate, const uint8_t* source, Py_ssize_t source_bytes,
                      uint8_t* target, Py_ssize_t target_bytes, Py_ssize_t* written) noexcept nogil
cdef void inflate_reset(Inflate* inflate) noexcept nogil
cdef void inflate_free(Inflate* inflate) noexcept nogil

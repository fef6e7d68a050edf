"""Rectangles of a map with one bit a pixel, in rows of whole words."""

from libc.stdint cimport int32_t, uint64_t

from cython_vnc.surface cimport Rect

cdef enum:
    WORD_PX = 64

cdef struct RowBits:
    # The words of a row that have bits of a rectangle, and which bits of the first and of the last.
    Py_ssize_t first
    Py_ssize_t last
    uint64_t first_mask
    uint64_t last_mask

cdef inline Py_ssize_t row_words(int32_t width) noexcept nogil:
    return (<Py_ssize_t>width + WORD_PX - 1) // WORD_PX

cdef inline RowBits row_bits(const Rect* rect) noexcept nogil:
    """The same in each row of a rectangle, which is not empty."""
    cdef int32_t right = rect.x + rect.width - 1
    cdef RowBits bits
    bits.first, bits.last = rect.x // WORD_PX, right // WORD_PX
    bits.first_mask = ~<uint64_t>0 << (rect.x % WORD_PX)
    bits.last_mask = ~<uint64_t>0 >> (WORD_PX - 1 - right % WORD_PX)
    return bits

cdef inline uint64_t word_bits(const RowBits* bits, Py_ssize_t word) noexcept nogil:
    return (
        (bits.first_mask if word == bits.first else ~<uint64_t>0)
        & (bits.last_mask if word == bits.last else ~<uint64_t>0)
    )

"""Bytes that wait: received and not yet parsed, or to be sent. One contiguous region, grown and never shrunk."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

cdef struct Bytes:
    # A growable buffer: live bytes are data[start:end].
    uint8_t* data
    Py_ssize_t capacity
    Py_ssize_t start
    Py_ssize_t end

cdef inline Py_ssize_t bytes_live(const Bytes* buffer) noexcept nogil:
    return buffer.end - buffer.start

cdef inline uint8_t* bytes_reserve(Bytes* buffer, Py_ssize_t wanted) noexcept nogil:
    """Room for `wanted` bytes at data[end:], or NULL when out of memory.

    The live bytes are moved to the front only when they are fewer than the bytes before them, else the buffer
    doubles: however small the pieces, each byte is moved a bounded number of times.
    """
    cdef Py_ssize_t live = bytes_live(buffer)
    cdef Py_ssize_t capacity
    cdef uint8_t* data
    if live == 0:
        buffer.start = buffer.end = 0
    if buffer.capacity - buffer.end >= wanted:
        return buffer.data + buffer.end
    if buffer.start >= live and buffer.capacity - live >= wanted:
        memcpy(buffer.data, buffer.data + buffer.start, <size_t>live)
    else:
        capacity = max(2 * buffer.capacity, live + wanted)
        if buffer.start > 0:
            memmove(buffer.data, buffer.data + buffer.start, <size_t>live)
            buffer.start, buffer.end = 0, live
        data = <uint8_t*>realloc(buffer.data, <size_t>capacity)
        if data == NULL:
            return NULL
        buffer.data, buffer.capacity = data, capacity
    buffer.start, buffer.end = 0, live
    return buffer.data + live

cdef inline void bytes_taken(Bytes* buffer, Py_ssize_t count) noexcept nogil:
    """The first `count` live bytes are done with."""
    buffer.start += count
    if buffer.start == buffer.end:
        buffer.start = buffer.end = 0

cdef inline void bytes_free(Bytes* buffer) noexcept nogil:
    free(buffer.data)
    buffer.data = NULL
    buffer.capacity = buffer.start = buffer.end = 0

cdef inline void put_u8(Bytes* buffer, uint8_t value) noexcept nogil:
    # The put_ functions need room reserved before.
    buffer.data[buffer.end] = value
    buffer.end += 1

cdef inline void put_u16(Bytes* buffer, uint16_t value) noexcept nogil:
    put_u8(buffer, <uint8_t>(value >> 8))
    put_u8(buffer, <uint8_t>value)

cdef inline void put_u32(Bytes* buffer, uint32_t value) noexcept nogil:
    put_u16(buffer, <uint16_t>(value >> 16))
    put_u16(buffer, <uint16_t>value)

cdef inline void put_bytes(Bytes* buffer, const uint8_t* source, Py_ssize_t count) noexcept nogil:
    if count > 0:
        memcpy(buffer.data + buffer.end, source, <size_t>count)
        buffer.end += count

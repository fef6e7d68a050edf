"""A cursor over bytes already received: check `left` before each take. Network byte order."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef struct Cursor:
    const uint8_t* at
    const uint8_t* end

cdef inline Py_ssize_t left(const Cursor* cursor) noexcept nogil:
    return cursor.end - cursor.at

cdef inline uint8_t take_u8(Cursor* cursor) noexcept nogil:
    cursor.at += 1
    return (cursor.at - 1)[0]

cdef inline uint16_t take_u16(Cursor* cursor) noexcept nogil:
    cursor.at += 2
    return <uint16_t>((cursor.at - 2)[0] << 8 | (cursor.at - 1)[0])

cdef inline uint32_t take_u32(Cursor* cursor) noexcept nogil:
    cursor.at += 4
    return <uint32_t>(cursor.at - 4)[0] << 24 | <uint32_t>(cursor.at - 3)[0] << 16 | <uint32_t>(cursor.at - 2)[0] << 8 | (cursor.at - 1)[0]

cdef inline int32_t take_s32(Cursor* cursor) noexcept nogil:
    return <int32_t>take_u32(cursor)

cdef inline const uint8_t* take_bytes(Cursor* cursor, Py_ssize_t size) noexcept nogil:
    cursor.at += size
    return cursor.at - size

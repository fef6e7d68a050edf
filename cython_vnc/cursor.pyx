"""Keeps the newest shape of the pointer."""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc

from cython_vnc.decoders.base cimport NO_MEMORY, OK, Status
from cython_vnc.surface cimport Rect


cdef Py_ssize_t cursor_payload_bytes(const Rect* rect) noexcept nogil:
    """Pixels in our 32-bit format, then a bitmask whose rows are padded to bytes."""
    return <Py_ssize_t>rect.width * rect.height * 4 + <Py_ssize_t>(rect.width + 7) // 8 * rect.height


cdef Status cursor_store(CursorShape* cursor, const Rect* rect, const uint8_t* payload) noexcept nogil:
    cdef Py_ssize_t area = <Py_ssize_t>rect.width * rect.height
    cdef Py_ssize_t mask_stride = (rect.width + 7) // 8
    cdef const uint8_t* mask = payload + 4 * area
    cdef const uint8_t* pixel
    cdef uint32_t* grown
    cdef uint32_t alpha
    cdef int32_t x, y
    if area > cursor.capacity_px:
        grown = <uint32_t*>realloc(cursor.pixels, <size_t>area * sizeof(uint32_t))
        if grown == NULL:
            return NO_MEMORY
        cursor.pixels, cursor.capacity_px = grown, area
    for y in range(rect.height):
        for x in range(rect.width):
            pixel = payload + 4 * (<Py_ssize_t>y * rect.width + x)
            alpha = 255 if mask[y * mask_stride + x // 8] >> (7 - x % 8) & 1 else 0
            cursor.pixels[<Py_ssize_t>y * rect.width + x] = (
                <uint32_t>pixel[0] | <uint32_t>pixel[1] << 8 | <uint32_t>pixel[2] << 16 | alpha << 24
            )
    cursor.width, cursor.height = rect.width, rect.height
    cursor.hotspot_x, cursor.hotspot_y = rect.x, rect.y
    cursor.changes += 1
    return OK


cdef void cursor_free(CursorShape* cursor) noexcept nogil:
    free(cursor.pixels)
    cursor.pixels = NULL
    cursor.capacity_px = 0
    cursor.width = cursor.height = 0

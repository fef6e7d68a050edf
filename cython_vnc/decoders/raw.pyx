"""Raw: the pixels themselves, row by row."""

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from cython_vnc.decoders.base cimport MAX_PAYLOAD_BYTES, NEED_MORE, OK, TOO_LARGE, TRAILING, TRUNCATED, Decoders, Status, refusal
from cython_vnc.surface cimport Rect, Surface, pixel_at, rect_area
from cython_vnc.wire cimport Cursor, left, take_bytes


cdef Py_ssize_t raw_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef Py_ssize_t payload_bytes = rect_area(rect) * 4
    if payload_bytes > MAX_PAYLOAD_BYTES:
        return refusal(TOO_LARGE)
    return payload_bytes if left(buffered) >= payload_bytes else NEED_MORE


cdef Status raw_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t row_bytes = <Py_ssize_t>rect.width * 4
    cdef int32_t row
    if left(payload) < rect_area(rect) * 4:
        return TRUNCATED
    for row in range(rect.height):
        memcpy(pixel_at(surface, rect.x, rect.y + row), take_bytes(payload, row_bytes), row_bytes)
    return OK if left(payload) == 0 else TRAILING

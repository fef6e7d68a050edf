"""CopyRect: the position of the same pixels elsewhere in the framebuffer. Source and target may overlap."""

from libc.stdint cimport int32_t
from libc.string cimport memmove

from cython_vnc.decoders.base cimport NEED_MORE, OK, OUT_OF_BOUNDS, TRAILING, TRUNCATED, Decoders, Status
from cython_vnc.surface cimport Rect, Surface, pixel_at
from cython_vnc.wire cimport Cursor, left, take_u16

cdef enum:
    PAYLOAD_BYTES = 4


cdef Py_ssize_t copyrect_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    return PAYLOAD_BYTES if left(buffered) >= PAYLOAD_BYTES else NEED_MORE


cdef Status copyrect_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t row_bytes = <Py_ssize_t>rect.width * 4
    cdef int32_t source_x, source_y, step, row, done
    if left(payload) < PAYLOAD_BYTES:
        return TRUNCATED
    source_x = take_u16(payload)
    source_y = take_u16(payload)
    if left(payload) != 0:
        return TRAILING
    if source_x + rect.width > surface.width or source_y + rect.height > surface.height:
        return OUT_OF_BOUNDS
    # No row may be overwritten before it was copied: going down the screen, begin with the lowest.
    row, step = (rect.height - 1, -1) if source_y < rect.y else (0, 1)
    for done in range(rect.height):
        memmove(pixel_at(surface, rect.x, rect.y + row), pixel_at(surface, source_x, source_y + row), row_bytes)
        row += step
    return OK

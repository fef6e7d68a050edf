"""RRE: a background color and rectangles of one color each, painted in order."""

from libc.stdint cimport int32_t, uint32_t

from cython_vnc.decoders.base cimport (
    MAX_PAYLOAD_BYTES, NEED_MORE, OK, OUT_OF_BOUNDS, TOO_LARGE, TRAILING, TRUNCATED, Decoders, Status, refusal,
)
from cython_vnc.decoders.paint cimport paint_fill, take_pixel
from cython_vnc.surface cimport Rect, Surface, rect_area
from cython_vnc.wire cimport Cursor, left, take_u16, take_u32

cdef enum:
    HEADER_BYTES = 8            # count, background
    SUBRECTANGLE_BYTES = 12     # pixel, x, y, width, height
    # Subrectangles may overlap, but not without end: so many times the area of the rectangle, and so many
    # pixels, may be painted. A hostile server would have a pixel painted a million times.
    MOST_LAYERS = 256
    MOST_PIXELS = 1 << 26


cdef Py_ssize_t rre_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef Cursor cursor = Cursor(buffered.at, buffered.end)
    cdef Py_ssize_t payload_bytes
    if left(&cursor) < 4:
        return NEED_MORE
    payload_bytes = HEADER_BYTES + <Py_ssize_t>take_u32(&cursor) * SUBRECTANGLE_BYTES
    if payload_bytes > MAX_PAYLOAD_BYTES:
        return refusal(TOO_LARGE)
    return payload_bytes if left(buffered) >= payload_bytes else NEED_MORE


cdef Status rre_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t budget = MOST_LAYERS * rect_area(rect) + MOST_PIXELS
    cdef Py_ssize_t count, i
    cdef int32_t x, y, width, height
    cdef uint32_t pixel
    if left(payload) < HEADER_BYTES:
        return TRUNCATED
    count = take_u32(payload)
    pixel = take_pixel(payload)
    if left(payload) != count * SUBRECTANGLE_BYTES:
        return TRUNCATED if left(payload) < count * SUBRECTANGLE_BYTES else TRAILING
    paint_fill(surface, rect.x, rect.y, rect.width, rect.height, pixel)
    for i in range(count):
        pixel = take_pixel(payload)
        x = take_u16(payload)
        y = take_u16(payload)
        width = take_u16(payload)
        height = take_u16(payload)
        if x + width > rect.width or y + height > rect.height:
            return OUT_OF_BOUNDS
        budget -= <Py_ssize_t>width * height + 1
        if budget < 0:
            return TOO_LARGE
        paint_fill(surface, rect.x + x, rect.y + y, width, height, pixel)
    return OK

"""Zlib: Raw rectangles through one zlib stream a connection."""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from cython_vnc.decoders.base cimport (
    MAX_PAYLOAD_BYTES, NEED_MORE, OK, TOO_LARGE, TRAILING, TRUNCATED, Decoders, Status, refusal,
)
from cython_vnc.decoders.scratch cimport deflated_limit, scratch_inflate_exactly
from cython_vnc.surface cimport Rect, Surface, pixel_at, rect_area
from cython_vnc.wire cimport Cursor, left, take_bytes, take_u32

cdef enum:
    LENGTH_BYTES = 4


cdef Py_ssize_t zlib_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef Cursor cursor = Cursor(buffered.at, buffered.end)
    cdef Py_ssize_t deflated_bytes
    if rect_area(rect) * 4 > MAX_PAYLOAD_BYTES:
        return refusal(TOO_LARGE)
    if left(&cursor) < LENGTH_BYTES:
        return NEED_MORE
    deflated_bytes = take_u32(&cursor)
    if deflated_bytes > deflated_limit(rect_area(rect) * 4):
        return refusal(TOO_LARGE)
    return LENGTH_BYTES + deflated_bytes if left(&cursor) >= deflated_bytes else NEED_MORE


cdef Status zlib_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t row_bytes = <Py_ssize_t>rect.width * 4
    cdef Py_ssize_t deflated_bytes
    cdef Status status
    cdef int32_t row
    if left(payload) < LENGTH_BYTES:
        return TRUNCATED
    deflated_bytes = take_u32(payload)
    if left(payload) != deflated_bytes:
        return TRUNCATED if left(payload) < deflated_bytes else TRAILING
    status = scratch_inflate_exactly(state, &state.zlib, take_bytes(payload, deflated_bytes), deflated_bytes,
                                     row_bytes * rect.height)
    if status != OK or state.hidden:
        return status
    for row in range(rect.height):
        memcpy(pixel_at(surface, rect.x, rect.y + row), state.scratch + row * row_bytes, row_bytes)
    return OK

"""The pointer's shape, as the Cursor pseudo-encoding gives it (RFC 6143 section 7.8.1)."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.base cimport Status
from cython_vnc.surface cimport Rect

cdef struct CursorShape:
    # Bytes in memory are B, G, R, A; A is 255 where the shape is opaque, else 0. 0x0 is an invisible pointer.
    uint32_t* pixels
    Py_ssize_t capacity_px
    int32_t width
    int32_t height
    int32_t hotspot_x
    int32_t hotspot_y
    uint32_t changes

cdef Py_ssize_t cursor_payload_bytes(const Rect* rect) noexcept nogil
cdef Status cursor_store(CursorShape* cursor, const Rect* rect, const uint8_t* payload) noexcept nogil
cdef void cursor_free(CursorShape* cursor) noexcept nogil

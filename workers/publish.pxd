"""From a framebuffer to a row: only the tiles that changed since the frame the row shows."""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from cython_vnc.surface cimport Damage, Rect, Surface

cdef struct Canvas:
    # One picture in shared memory: height * width * 3 bytes, R, G, B.
    uint8_t* pixels
    int32_t width
    int32_t height

cdef void publish_changes(const Surface* surface, const Damage* damage, uint64_t since, Canvas* canvas) noexcept nogil
cdef bint damaged(const Damage* damage, const Rect* region, uint64_t since) noexcept nogil
cdef void surface_shift(const Surface* surface, int32_t width, int32_t height, int32_t* x, int32_t* y) noexcept nogil
cdef void canvas_maximum(Canvas* canvas, const uint8_t* other) noexcept nogil

"""Pixels as Raw, RRE, Hextile and Zlib send them, and rectangles of one color."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.expand cimport expand_fill_rows
from cython_vnc.surface cimport Surface, pixel_at
from cython_vnc.wire cimport Cursor, take_bytes

cdef enum:
    PIXEL_BYTES = 4


cdef inline uint32_t take_pixel(Cursor* cursor) noexcept nogil:
    """Take a PIXEL: little endian, as our SetPixelFormat asked."""
    cdef const uint8_t* at = take_bytes(cursor, PIXEL_BYTES)
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16


cdef inline void paint_fill(Surface* surface, int32_t x, int32_t y, int32_t width, int32_t height, uint32_t pixel) noexcept nogil:
    """Fill what the caller has checked to be inside the surface."""
    expand_fill_rows(pixel_at(surface, x, y), surface.stride_px, width, height, pixel)

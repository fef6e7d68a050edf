"""The framebuffer's memory: pixels, damage by tile, and which pixels were painted at all."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from cython_vnc.decoders.base cimport Status
from cython_vnc.surface cimport Damage, Rect, Surface

cdef struct Coverage:
    # One bit a pixel, set when painted; freed (bits = NULL) once nothing is missing.
    uint64_t* bits
    Py_ssize_t words_per_row
    int64_t missing_px

cdef Status framebuffer_new(Surface* surface, Damage* damage, Coverage* coverage, int32_t width, int32_t height) noexcept nogil
# All three for another size; `frame` is the stamp of every tile. The pixels of before are the caller's to free.
cdef Status framebuffer_resize(
    Surface* surface, Damage* damage, Coverage* coverage, int32_t width, int32_t height, uint64_t frame
) noexcept nogil
cdef void damage_free(Damage* damage) noexcept nogil
cdef void coverage_add(Coverage* coverage, const Rect* rect) noexcept nogil
cdef void coverage_free(Coverage* coverage) noexcept nogil
# The tiles stamped after `since`, as Python rectangles: runs of a row of tiles.
cdef list damage_rectangles(const Damage* damage, const Surface* surface, uint64_t since)

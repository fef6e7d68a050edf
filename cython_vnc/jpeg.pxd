"""libjpeg-turbo: one rectangle, straight into the surface, or its luma into the levels."""

from libc.stdint cimport uint8_t

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Rect, Surface

cdef enum:
    JPEG_OK = 0
    JPEG_BAD = 1                # no JPEG, cut short, in CMYK, of too many scans, or of another size than the rectangle
    JPEG_NO_MEMORY = 2

cdef struct Jpeg:
    void* decompressor          # NULL until first used

cdef int jpeg_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil
# Its luma, which is all that gray of it depends on.
cdef int jpeg_luma(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Luma* luma) noexcept nogil
cdef void jpeg_free(Jpeg* jpeg) noexcept nogil

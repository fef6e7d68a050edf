"""libjpeg-turbo: one rectangle, straight into the surface or as samples of gray."""

from libc.stdint cimport int32_t, uint8_t

from cython_vnc.surface cimport Rect, Surface

cdef enum:
    JPEG_OK = 0
    JPEG_BAD = 1                # no JPEG, cut short, in CMYK, of too many scans, or of another size than the rectangle
    JPEG_NO_MEMORY = 2

cdef struct Jpeg:
    void* decompressor          # NULL until first used

cdef inline int32_t samples_of(int32_t pixels, int halvings) noexcept nogil:
    return (pixels + (1 << halvings) - 1) >> halvings

cdef int jpeg_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil
# Its luma, the width rounded up to whole samples of 2**halvings pixels; `target` holds samples_of each side.
cdef int jpeg_luma(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, int halvings, uint8_t* target) noexcept nogil
cdef void jpeg_free(Jpeg* jpeg) noexcept nogil

"""libjpeg-turbo: one rectangle, straight into the surface, or its luma into the levels; whole, or at half its size."""

from libc.stdint cimport uint8_t, uint32_t

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Rect, Surface

cdef enum:
    JPEG_OK = 0
    JPEG_BAD = 1                # no JPEG, cut short, in CMYK, of too many scans, or of another size than the rectangle
    JPEG_NO_MEMORY = 2

    # Smaller rectangles are not halved, nor are JPEGs of fewer pixels a byte: those of text and sharp edges, of which samples tell less.
    JPEG_HALVED_PX = 16
    JPEG_HALVED_PX_A_BYTE = 8

cdef struct Jpeg:
    void* decompressor          # NULL until first used

cdef inline bint jpeg_halves(Py_ssize_t source_bytes, const Rect* rect) noexcept nogil:
    return (
        rect.width >= JPEG_HALVED_PX and rect.height >= JPEG_HALVED_PX
        and source_bytes * JPEG_HALVED_PX_A_BYTE <= <Py_ssize_t>rect.width * rect.height
    )

cdef inline Py_ssize_t jpeg_half_px(const Rect* rect) noexcept nogil:
    """The samples of a rectangle at half its size: one for each 2x2 pixels from its corner on."""
    return (<Py_ssize_t>rect.width + 1) // 2 * ((<Py_ssize_t>rect.height + 1) // 2)

cdef int jpeg_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil
# Its luma, which is all that gray of it depends on.
cdef int jpeg_luma(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Luma* luma) noexcept nogil
# The same at half the size, each sample painted four times; where it `jpeg_halves`, with room for `jpeg_half_px` samples.
cdef int jpeg_decode_half(
    Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface, uint32_t* room
) noexcept nogil
cdef int jpeg_luma_half(
    Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Luma* luma, uint8_t* room
) noexcept nogil
cdef void jpeg_free(Jpeg* jpeg) noexcept nogil

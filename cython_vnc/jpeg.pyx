"""JPEG rectangles by libjpeg-turbo, one decompressor a connection, written into the surface at its stride.

Gray and colour pictures come out as B, G, R, X, or as their luma alone, which leaves out the other components' transform, their
enlargement and the conversion. At half its size a sample is the mean of the four pixels that it is painted to, but for what
these lose to the ends of the scale and to rounding: the library means in the transform, which then has a quarter of the work.
Size and components are read from the frame header here: the library would read all headers twice to tell them before it
decodes. It writes nothing beyond the size that it is told in any case. Progressive pictures are read up to the library's limit
of 500 scans: a few bytes a scan can ask for a pass over the whole picture.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.luma cimport Luma, level_at
from cython_vnc.surface cimport Rect, Surface, pixel_at


cdef extern from "turbojpeg.h" nogil:
    ctypedef void* tjhandle
    int TJPF_BGRX
    int TJPF_GRAY
    int TJFLAG_STOPONWARNING
    int TJFLAG_LIMITSCANS
    tjhandle tjInitDecompress()
    int tjDecompress2(tjhandle handle, const unsigned char* source, unsigned long source_bytes,
                      unsigned char* target, int width, int pitch, int height, int pixel_format, int flags)
    int tjDestroy(tjhandle handle)


cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    /* Each sample as four pixels, but for those that an odd width or height leaves out. */
    #define TWICE(NAME, TYPE) \
        static inline void NAME##_row(const TYPE *restrict from, TYPE *restrict to, ptrdiff_t width) { \
            for (ptrdiff_t i = 0; i < width / 2; i++) to[2 * i] = to[2 * i + 1] = from[i]; \
            if (width & 1) to[width - 1] = from[width / 2]; \
        } \
        static void NAME(const TYPE *from, ptrdiff_t from_stride, TYPE *to, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t height) { \
            for (ptrdiff_t y = 0; y < height; y++) NAME##_row(from + y / 2 * from_stride, to + y * stride, width); \
        }
    TWICE(twice_levels, uint8_t)
    TWICE(twice_pixels, uint32_t)
    """
    void twice_levels(const uint8_t* source, Py_ssize_t source_stride, uint8_t* target, Py_ssize_t stride, Py_ssize_t width, Py_ssize_t height) noexcept nogil
    void twice_pixels(const uint32_t* source, Py_ssize_t source_stride, uint32_t* target, Py_ssize_t stride, Py_ssize_t width, Py_ssize_t height) noexcept nogil

cdef enum:
    SEGMENT_BYTES = 4           # marker and length
    FRAME_BYTES = 10            # of a frame header, up to its number of components
    GRAY_COMPONENTS = 1
    COLOR_COMPONENTS = 3


cdef bint begins_frame(uint8_t marker) noexcept nogil:
    # SOF0 to SOF15 but for DHT, JPG and DAC, which lie between them.
    return 0xC0 <= marker <= 0xCF and marker != 0xC4 and marker != 0xC8 and marker != 0xCC


cdef bint is_picture_of(const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect) noexcept nogil:
    """Whether the frame header (ISO/IEC 10918-1, B.2.2) is of that size, and of gray or of three components."""
    cdef const uint8_t* at = source + 2
    cdef const uint8_t* end = source + source_bytes
    cdef Py_ssize_t length
    if source_bytes < 2 or source[0] != 0xFF or source[1] != 0xD8:
        return False
    while end - at >= SEGMENT_BYTES and at[0] == 0xFF:
        if at[1] == 0xFF:
            at += 1
            continue
        if begins_frame(at[1]):
            return (
                end - at >= FRAME_BYTES
                and at[5] << 8 | at[6] == rect.height
                and at[7] << 8 | at[8] == rect.width
                and (at[9] == COLOR_COMPONENTS or at[9] == GRAY_COMPONENTS)
            )
        # Markers without a length, and the scan, have no place before it.
        if at[1] <= 1 or 0xD0 <= at[1] <= 0xDA:
            return False
        length = <Py_ssize_t>at[2] << 8 | at[3]
        if length < 2 or end - at < 2 + length:
            return False
        at += 2 + length
    return False


cdef int picture_decode(
    Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, int32_t width, int32_t height,
    uint8_t* target, int row_bytes, int pixel_format,
) noexcept nogil:
    """A picture as large as `rect`, as `width` x `height`."""
    if jpeg.decompressor == NULL:
        jpeg.decompressor = tjInitDecompress()
        if jpeg.decompressor == NULL:
            return JPEG_NO_MEMORY
    # The library scales to what it is told, so what it is told must be the picture's own size, or half of it.
    # A warning is a picture that is cut short or corrupt: the library would paint gray and go on.
    if is_picture_of(source, source_bytes, rect) and tjDecompress2(
        jpeg.decompressor, source, source_bytes, target, width, row_bytes, height, pixel_format,
        TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS,
    ) == 0:
        return JPEG_OK
    # libjpeg-turbo 2.1 leaves a decompressor in the middle of the header that was wrong.
    jpeg_free(jpeg)
    return JPEG_BAD


cdef int jpeg_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil:
    return picture_decode(
        jpeg, source, source_bytes, rect, rect.width, rect.height,
        <uint8_t*>pixel_at(surface, rect.x, rect.y), <int>(surface.stride_px * 4), TJPF_BGRX,
    )


cdef int jpeg_luma(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Luma* luma) noexcept nogil:
    return picture_decode(
        jpeg, source, source_bytes, rect, rect.width, rect.height, level_at(luma, rect.x, rect.y), <int>luma.stride_px, TJPF_GRAY
    )


cdef int jpeg_decode_half(
    Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface, uint32_t* room
) noexcept nogil:
    cdef int32_t width = (rect.width + 1) // 2
    cdef int outcome = picture_decode(
        jpeg, source, source_bytes, rect, width, (rect.height + 1) // 2, <uint8_t*>room, width * 4, TJPF_BGRX
    )
    if outcome == JPEG_OK:
        twice_pixels(room, width, pixel_at(surface, rect.x, rect.y), surface.stride_px, rect.width, rect.height)
    return outcome


cdef int jpeg_luma_half(
    Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Luma* luma, uint8_t* room
) noexcept nogil:
    cdef int32_t width = (rect.width + 1) // 2
    cdef int outcome = picture_decode(
        jpeg, source, source_bytes, rect, width, (rect.height + 1) // 2, room, width, TJPF_GRAY
    )
    if outcome == JPEG_OK:
        twice_levels(room, width, level_at(luma, rect.x, rect.y), luma.stride_px, rect.width, rect.height)
    return outcome


cdef void jpeg_free(Jpeg* jpeg) noexcept nogil:
    if jpeg.decompressor != NULL:
        tjDestroy(jpeg.decompressor)
        jpeg.decompressor = NULL

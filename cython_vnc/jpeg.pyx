"""JPEG rectangles by libjpeg-turbo, one decompressor a connection, written into the surface at its stride.

Gray and colour pictures come out as B, G, R, X. Progressive pictures are read up to the library's limit of 500 scans: a
few bytes a scan can ask for a pass over the whole picture.
"""

from libc.stdint cimport uint8_t

from cython_vnc.surface cimport Rect, Surface, pixel_at


cdef extern from "turbojpeg.h" nogil:
    ctypedef void* tjhandle
    int TJPF_BGRX
    int TJCS_RGB
    int TJCS_YCbCr
    int TJCS_GRAY
    int TJFLAG_STOPONWARNING
    int TJFLAG_LIMITSCANS
    tjhandle tjInitDecompress()
    int tjDecompressHeader3(tjhandle handle, const unsigned char* source, unsigned long source_bytes,
                            int* width, int* height, int* subsampling, int* colorspace)
    int tjDecompress2(tjhandle handle, const unsigned char* source, unsigned long source_bytes,
                      unsigned char* target, int width, int pitch, int height, int pixel_format, int flags)
    int tjDestroy(tjhandle handle)


cdef int picture_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil:
    cdef int width = 0, height = 0, subsampling = 0, colorspace = 0
    if tjDecompressHeader3(jpeg.decompressor, source, source_bytes, &width, &height, &subsampling, &colorspace) != 0:
        return JPEG_BAD
    # Asked for another size, the library would scale: it must never come to that.
    if width != rect.width or height != rect.height:
        return JPEG_BAD
    if colorspace != TJCS_YCbCr and colorspace != TJCS_RGB and colorspace != TJCS_GRAY:
        return JPEG_BAD
    # A warning is a picture that is cut short or corrupt: the library would paint gray and go on.
    if tjDecompress2(jpeg.decompressor, source, source_bytes, <uint8_t*>pixel_at(surface, rect.x, rect.y),
                     width, <int>(surface.stride_px * 4), height, TJPF_BGRX,
                     TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0:
        return JPEG_BAD
    return JPEG_OK


cdef int jpeg_decode(Jpeg* jpeg, const uint8_t* source, Py_ssize_t source_bytes, const Rect* rect, Surface* surface) noexcept nogil:
    cdef int outcome
    if jpeg.decompressor == NULL:
        jpeg.decompressor = tjInitDecompress()
        if jpeg.decompressor == NULL:
            return JPEG_NO_MEMORY
    outcome = picture_decode(jpeg, source, source_bytes, rect, surface)
    if outcome != JPEG_OK:
        # libjpeg-turbo 2.1 leaves a decompressor in the middle of the header that was wrong.
        jpeg_free(jpeg)
    return outcome


cdef void jpeg_free(Jpeg* jpeg) noexcept nogil:
    if jpeg.decompressor != NULL:
        tjDestroy(jpeg.decompressor)
        jpeg.decompressor = NULL

"""Streams of zlib data by the system's zlib. A stream is created by its first use."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free

cdef extern from *:
    """
    #define ZLIB_CONST
    """

cdef extern from "zlib.h" nogil:
    ctypedef struct z_stream:
        const uint8_t* next_in
        unsigned int avail_in
        uint8_t* next_out
        unsigned int avail_out

    int Z_OK
    int Z_BUF_ERROR
    int Z_MEM_ERROR
    int Z_STREAM_END
    int Z_SYNC_FLUSH
    int inflateInit(z_stream* stream)
    int inflate(z_stream* stream, int flush)
    int inflateReset(z_stream* stream)
    int inflateEnd(z_stream* stream)


cdef z_stream* stream_open(Inflate* inflate_stream) noexcept nogil:
    cdef z_stream* stream = <z_stream*>inflate_stream.stream
    if stream == NULL:
        stream = <z_stream*>calloc(1, sizeof(z_stream))
        if stream == NULL:
            return NULL
        if inflateInit(stream) != Z_OK:
            free(stream)
            return NULL
        inflate_stream.stream = stream
    return stream


cdef int inflate_feed(Inflate* inflate_stream, const uint8_t* source, Py_ssize_t source_bytes,
                      uint8_t* target, Py_ssize_t target_bytes, Py_ssize_t* written) noexcept nogil:
    cdef z_stream* stream = stream_open(inflate_stream)
    cdef int outcome
    written[0] = 0
    if stream == NULL or source_bytes > 0x7FFFFFFF or target_bytes > 0x7FFFFFFF:
        return INFLATE_NO_MEMORY
    stream.next_in = source
    stream.avail_in = <unsigned int>source_bytes
    stream.next_out = target
    stream.avail_out = <unsigned int>target_bytes
    outcome = inflate(stream, Z_SYNC_FLUSH)
    written[0] = target_bytes - stream.avail_out
    # Z_BUF_ERROR: there was nothing to do, as with an empty source.
    if outcome == Z_OK or outcome == Z_BUF_ERROR:
        return INFLATE_OK
    if outcome == Z_STREAM_END:
        return INFLATE_ENDED
    if outcome == Z_MEM_ERROR:
        return INFLATE_NO_MEMORY
    return INFLATE_CORRUPT


cdef void inflate_reset(Inflate* inflate_stream) noexcept nogil:
    if inflate_stream.stream != NULL:
        inflateReset(<z_stream*>inflate_stream.stream)


cdef void inflate_free(Inflate* inflate_stream) noexcept nogil:
    if inflate_stream.stream != NULL:
        inflateEnd(<z_stream*>inflate_stream.stream)
        free(inflate_stream.stream)
        inflate_stream.stream = NULL

"""Streams of zlib data by zlib (or zlib-ng, where that was there to build with) and by ISA-L. A stream is created by its first use.

Theory of operation: the header is read here, both libraries get raw deflate, and no checksum is made, which an RFB stream
never comes to. ISA-L takes half of zlib's time where much comes at once, and more than twice of it where little comes. So a
stream changes library: wherever it stands between two blocks on a byte boundary, as after the empty stored block that a
server's sync flush ends with, the other library can go on when it is given the last 32 KiB of output. It does when it would
have saved, in sum since the last change, what a change costs; so at the worst twice the time of the better library is taken.
What does not end with a sync flush is zlib's.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove

cdef extern from *:
    """
    #ifdef CYTHON_VNC_ZLIB_NG
    #include <zlib-ng.h>
    #define DEFLATED_BY zng_stream
    #define DEFLATED(name) zng_##name
    #define ZLIB_NAME "zlib-ng"
    #define ISAL_SAVES_PS_PER_BYTE 400
    #define ISAL_COSTS_NS_PER_CALL 700
    #else
    #define ZLIB_CONST
    #include <zlib.h>
    #define DEFLATED_BY z_stream
    #define DEFLATED(name) name
    #define ZLIB_NAME "zlib"
    #define ISAL_SAVES_PS_PER_BYTE 3000
    #define ISAL_COSTS_NS_PER_CALL 600
    #endif
    """
    # Against zlib, by the size of the compressed data.
    int64_t ISAL_SAVES_PS_PER_BYTE
    int64_t ISAL_COSTS_NS_PER_CALL
    const char* ZLIB_NAME
    ctypedef struct z_stream "DEFLATED_BY":
        const uint8_t* next_in
        unsigned int avail_in
        uint8_t* next_out
        unsigned int avail_out
        int data_type

    int Z_OK
    int Z_BUF_ERROR
    int Z_MEM_ERROR
    int Z_STREAM_END
    int Z_SYNC_FLUSH
    int inflateInit2 "DEFLATED(inflateInit2)"(z_stream* stream, int window_bits) nogil
    int inflate "DEFLATED(inflate)"(z_stream* stream, int flush) nogil
    int inflateReset "DEFLATED(inflateReset)"(z_stream* stream) nogil
    int inflateEnd "DEFLATED(inflateEnd)"(z_stream* stream) nogil
    int inflateSetDictionary "DEFLATED(inflateSetDictionary)"(z_stream* stream, const uint8_t* history, unsigned int size) nogil
    int inflateGetDictionary "DEFLATED(inflateGetDictionary)"(z_stream* stream, uint8_t* history, unsigned int* size) nogil

cdef extern from "cython_vnc/inflate_isal.h" nogil:
    int ISAL_STATE_BYTES
    int ISAL_FED
    int ISAL_ENDED
    ctypedef struct isal_library "struct isal_library":
        pass
    bint isal_begin(const isal_library* isal, void* state, uint8_t* history, size_t history_bytes)
    int isal_feed(const isal_library* isal, void* state, const uint8_t* source, size_t source_bytes,
                  uint8_t* target, size_t target_bytes, Py_ssize_t* written)
    bint isal_between_blocks(const void* state)
    bint isal_open(isal_library* isal, const char* name, void* state)

cdef enum:
    RAW_DEFLATE = -15           # window bits
    HISTORY_BYTES = 1 << 15
    HEADER_BYTES = 2
    # Of `data_type` after `inflate`: the end of a block that is not the last, and no bit of the last byte is left.
    BETWEEN_BLOCKS = 128
    CHANGE_NS = 5000
    SYNC_BYTES = 4              # of an empty stored block: its length and the complement

cdef const char* ISAL_NAME = b"libisal.so.2"

cdef struct Stream:
    z_stream zlib
    Rule rule
    int header_bytes            # that came so far
    uint8_t method              # the first of them
    bint changeable             # what was fed ends between two blocks, on a byte boundary
    bint by_isal
    int64_t regret_ns           # what the other library would have saved since the last change
    void* isal                  # NULL until first used
    # The newest output, while ISA-L makes it.
    uint8_t* history
    Py_ssize_t history_bytes

cdef isal_library isal


cdef bint isal_find(isal_library* found, const char* name) noexcept nogil:
    """Whether ISA-L can be had under that name."""
    cdef void* state = calloc(1, ISAL_STATE_BYTES)
    cdef bint usable = state != NULL and isal_open(found, name, state)
    free(state)
    return usable


cdef bint isal_usable = isal_find(&isal, ISAL_NAME)


cdef Stream* stream_open(Inflate* inflate_stream) noexcept nogil:
    cdef Stream* stream = <Stream*>inflate_stream.stream
    if stream == NULL:
        stream = <Stream*>calloc(1, sizeof(Stream))
        if stream == NULL:
            return NULL
        if inflateInit2(&stream.zlib, RAW_DEFLATE) != Z_OK:
            free(stream)
            return NULL
        inflate_stream.stream = stream
    return stream


cdef int header_feed(Stream* stream, const uint8_t** source, Py_ssize_t* source_bytes) noexcept nogil:
    """Take what is there of the two bytes before the data (RFC 1950 section 2.2)."""
    cdef uint8_t byte
    while stream.header_bytes < HEADER_BYTES and source_bytes[0] > 0:
        byte = source[0][0]
        source[0] += 1
        source_bytes[0] -= 1
        stream.header_bytes += 1
        if stream.header_bytes == 1:
            stream.method = byte
        elif stream.method & 15 != 8 or stream.method >> 4 > 7 or byte & 32 or (stream.method << 8 | byte) % 31:
            return INFLATE_CORRUPT
        stream.changeable = stream.header_bytes == HEADER_BYTES
    return INFLATE_OK


cdef inline bint ends_with_sync_flush(const uint8_t* source, Py_ssize_t source_bytes) noexcept nogil:
    cdef const uint8_t* last = source + source_bytes - SYNC_BYTES
    return source_bytes >= SYNC_BYTES and last[0] == 0 and last[1] == 0 and last[2] == 255 and last[3] == 255


cdef bint wants_isal(Stream* stream, const uint8_t* source, Py_ssize_t source_bytes) noexcept nogil:
    """Which library is to take what comes next, could the stream change now."""
    cdef int64_t isal_saves_ns = source_bytes * ISAL_SAVES_PS_PER_BYTE // 1000 - ISAL_COSTS_NS_PER_CALL
    # Cut short inside of a block, ISA-L may hold back a byte that zlib gives out.
    if not ends_with_sync_flush(source, source_bytes):
        return False
    if stream.rule != BY_COST:
        return stream.rule == ISAL_ONLY
    stream.regret_ns = max(<int64_t>0, stream.regret_ns + (-isal_saves_ns if stream.by_isal else isal_saves_ns))
    return stream.by_isal != (stream.regret_ns > CHANGE_NS)


cdef void change_to_isal(Stream* stream) noexcept nogil:
    """Hand the stream over, or leave it where it is when there is no memory."""
    cdef unsigned int history_bytes = 0
    if stream.isal == NULL:
        stream.isal = malloc(ISAL_STATE_BYTES)
    if stream.history == NULL:
        stream.history = <uint8_t*>malloc(2 * HISTORY_BYTES)
    if stream.isal == NULL or stream.history == NULL:
        return
    if inflateGetDictionary(&stream.zlib, stream.history, &history_bytes) != Z_OK:
        return
    stream.history_bytes = history_bytes
    if isal_begin(&isal, stream.isal, stream.history, history_bytes):
        stream.by_isal = True
        stream.regret_ns = 0


cdef void change_to_zlib(Stream* stream) noexcept nogil:
    cdef Py_ssize_t offered = min(stream.history_bytes, <Py_ssize_t>HISTORY_BYTES)
    cdef uint8_t* history = stream.history + stream.history_bytes - offered
    if inflateReset(&stream.zlib) != Z_OK:
        return
    if offered > 0 and inflateSetDictionary(&stream.zlib, history, <unsigned int>offered) != Z_OK:
        return
    stream.by_isal = False
    stream.regret_ns = 0


cdef void history_add(Stream* stream, const uint8_t* output, Py_ssize_t count) noexcept nogil:
    if count >= HISTORY_BYTES:
        memcpy(stream.history, output + count - HISTORY_BYTES, HISTORY_BYTES)
        stream.history_bytes = HISTORY_BYTES
        return
    if stream.history_bytes + count > 2 * HISTORY_BYTES:
        memmove(stream.history, stream.history + stream.history_bytes - HISTORY_BYTES, HISTORY_BYTES)
        stream.history_bytes = HISTORY_BYTES
    memcpy(stream.history + stream.history_bytes, output, count)
    stream.history_bytes += count


cdef int zlib_feed(Stream* stream, const uint8_t* source, Py_ssize_t source_bytes,
                   uint8_t* target, Py_ssize_t target_bytes, Py_ssize_t* written) noexcept nogil:
    cdef z_stream* zlib = &stream.zlib
    cdef int outcome
    zlib.next_in = source
    zlib.avail_in = <unsigned int>source_bytes
    zlib.next_out = target
    zlib.avail_out = <unsigned int>target_bytes
    outcome = inflate(zlib, Z_SYNC_FLUSH)
    written[0] = target_bytes - zlib.avail_out
    stream.changeable = zlib.data_type == BETWEEN_BLOCKS and zlib.avail_in == 0
    # Z_BUF_ERROR: there was nothing to do, as with an empty source.
    if outcome == Z_OK or outcome == Z_BUF_ERROR:
        return INFLATE_OK
    if outcome == Z_STREAM_END:
        return INFLATE_ENDED
    if outcome == Z_MEM_ERROR:
        return INFLATE_NO_MEMORY
    return INFLATE_CORRUPT


cdef int inflate_feed(Inflate* inflate_stream, const uint8_t* source, Py_ssize_t source_bytes,
                      uint8_t* target, Py_ssize_t target_bytes, Py_ssize_t* written) noexcept nogil:
    cdef Stream* stream = stream_open(inflate_stream)
    cdef int outcome
    written[0] = 0
    if stream == NULL or source_bytes > 0x7FFFFFFF or target_bytes > 0x7FFFFFFF:
        return INFLATE_NO_MEMORY
    if stream.header_bytes < HEADER_BYTES:
        if header_feed(stream, &source, &source_bytes) != INFLATE_OK:
            return INFLATE_CORRUPT
    if source_bytes == 0:
        return INFLATE_OK
    if isal_usable and wants_isal(stream, source, source_bytes) != stream.by_isal and stream.changeable:
        if stream.by_isal:
            change_to_zlib(stream)
        else:
            change_to_isal(stream)
    if not stream.by_isal:
        return zlib_feed(stream, source, source_bytes, target, target_bytes, written)
    outcome = isal_feed(&isal, stream.isal, source, source_bytes, target, target_bytes, written)
    history_add(stream, target, written[0])
    stream.changeable = isal_between_blocks(stream.isal)
    if outcome == ISAL_FED:
        return INFLATE_OK
    return INFLATE_ENDED if outcome == ISAL_ENDED else INFLATE_CORRUPT


cdef void inflate_rule(Inflate* inflate_stream, Rule rule) noexcept nogil:
    cdef Stream* stream = stream_open(inflate_stream)
    if stream != NULL:
        stream.rule = rule


cdef const char* inflate_library(const Inflate* inflate_stream) noexcept nogil:
    cdef const Stream* stream = <const Stream*>inflate_stream.stream
    if stream != NULL and stream.by_isal:
        return "isal"
    return ZLIB_NAME


cdef bint inflate_is_isal(const char* name) noexcept nogil:
    cdef isal_library found
    return isal_find(&found, ISAL_NAME if name == NULL else name)


cdef void inflate_reset(Inflate* inflate_stream) noexcept nogil:
    cdef Stream* stream = <Stream*>inflate_stream.stream
    if stream == NULL:
        return
    stream.header_bytes = 0
    stream.changeable = False
    stream.history_bytes = 0
    if not (stream.by_isal and isal_begin(&isal, stream.isal, NULL, 0)):
        stream.by_isal = False
        inflateReset(&stream.zlib)


cdef void inflate_free(Inflate* inflate_stream) noexcept nogil:
    cdef Stream* stream = <Stream*>inflate_stream.stream
    if stream != NULL:
        inflateEnd(&stream.zlib)
        free(stream.isal)
        free(stream.history)
        free(stream)
        inflate_stream.stream = NULL

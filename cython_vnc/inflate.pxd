"""A zlib stream that lives as long as its connection (RFC 1950). Which library inflates is nobody else's business."""

from libc.stdint cimport uint8_t

cdef enum:
    INFLATE_OK = 0
    INFLATE_CORRUPT = 1         # no zlib data, or data that needs a dictionary
    INFLATE_ENDED = 2           # the stream came to its end; an RFB stream never does
    INFLATE_NO_MEMORY = 3
    # Give `inflate_feed` that much more room than is expected: the fast path of the library stays open to the
    # last byte, and a stream that yields too much shows.
    INFLATE_SLACK_BYTES = 320

cdef enum Rule:
    # Which library goes on, wherever the stream allows a change.
    BY_COST = 0
    ZLIB_ONLY = 1
    ISAL_ONLY = 2               # zlib where ISA-L is not there

cdef struct Inflate:
    void* stream                # NULL until first used

# Inflate until `source` is used up or `target` is full, whichever comes first; `written` says how much came out.
# Both sizes below 2 GiB. After anything but INFLATE_OK the stream is of no use until it is reset.
cdef int inflate_feed(Inflate* inflate_stream, const uint8_t* source, Py_ssize_t source_bytes,
                      uint8_t* target, Py_ssize_t target_bytes, Py_ssize_t* written) noexcept nogil
# Which library is to go on; without a word it is BY_COST.
cdef void inflate_rule(Inflate* inflate_stream, Rule rule) noexcept nogil
# Which library has the stream: "zlib", "zlib-ng" or "isal".
cdef const char* inflate_library(const Inflate* inflate_stream) noexcept nogil
# Whether a library of that name is ISA-L; NULL: whether ISA-L is there.
cdef bint inflate_is_isal(const char* name) noexcept nogil
# Begin a new stream, header and all. Nothing happens to one that was never used.
cdef void inflate_reset(Inflate* inflate_stream) noexcept nogil
cdef void inflate_free(Inflate* inflate_stream) noexcept nogil

"""Inflated bytes of the rectangle in hand, in the connection's scratch buffer."""

from libc.stdint cimport uint8_t

from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.inflate cimport Inflate

# Make room for that many bytes in `state.scratch`; what was there is lost.
cdef Status scratch_reserve(Decoders* state, Py_ssize_t wanted_bytes) noexcept nogil
# Inflate `source` into `state.scratch`: `limit_bytes` at most (LONG_ZLIB beyond); `written` says how many.
cdef Status scratch_inflate(Decoders* state, Inflate* stream, const uint8_t* source, Py_ssize_t source_bytes,
                            Py_ssize_t limit_bytes, Py_ssize_t* written) noexcept nogil
# The same for a size that is known: anything else is SHORT_ZLIB or LONG_ZLIB.
cdef Status scratch_inflate_exactly(Decoders* state, Inflate* stream, const uint8_t* source, Py_ssize_t source_bytes,
                                    Py_ssize_t needed_bytes) noexcept nogil

cdef inline Py_ssize_t deflated_limit(Py_ssize_t inflated_bytes) noexcept nogil:
    """More than any compressor makes of that many bytes, with flushes; a longer claim is hostile."""
    return 2 * inflated_bytes + 65536

"""The scratch buffer: grown in steps, so that a session settles on one."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

from cython_vnc.decoders.base cimport BAD_ZLIB, LONG_ZLIB, NO_MEMORY, OK, SHORT_ZLIB, Decoders, Status
from cython_vnc.inflate cimport INFLATE_NO_MEMORY, INFLATE_OK, INFLATE_SLACK_BYTES, Inflate, inflate_feed

cdef enum:
    STEP_BYTES = 1 << 16


cdef Status scratch_reserve(Decoders* state, Py_ssize_t wanted_bytes) noexcept nogil:
    cdef Py_ssize_t rounded = (wanted_bytes + STEP_BYTES - 1) // STEP_BYTES * STEP_BYTES
    if wanted_bytes <= state.scratch_bytes:
        return OK
    free(state.scratch)
    state.scratch = <uint8_t*>malloc(rounded)
    state.scratch_bytes = rounded if state.scratch != NULL else 0
    return OK if state.scratch != NULL else NO_MEMORY


cdef Status scratch_inflate(Decoders* state, Inflate* stream, const uint8_t* source, Py_ssize_t source_bytes,
                            Py_ssize_t limit_bytes, Py_ssize_t* written) noexcept nogil:
    cdef Py_ssize_t room = limit_bytes + INFLATE_SLACK_BYTES
    cdef int outcome
    if scratch_reserve(state, room) != OK:
        return NO_MEMORY
    outcome = inflate_feed(stream, source, source_bytes, state.scratch, room, written)
    if outcome == INFLATE_NO_MEMORY:
        return NO_MEMORY
    if written[0] > limit_bytes:
        return LONG_ZLIB
    return OK if outcome == INFLATE_OK else BAD_ZLIB


cdef Status scratch_inflate_exactly(Decoders* state, Inflate* stream, const uint8_t* source, Py_ssize_t source_bytes,
                                    Py_ssize_t needed_bytes) noexcept nogil:
    cdef Py_ssize_t written = 0
    cdef Status status = scratch_inflate(state, stream, source, source_bytes, needed_bytes, &written)
    if status == OK and written < needed_bytes:
        return SHORT_ZLIB
    return status

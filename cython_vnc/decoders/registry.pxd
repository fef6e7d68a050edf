"""Which decoder an encoding number means, and the decode state of a connection."""

from libc.stdint cimport int32_t

from cython_vnc.decoders.base cimport Decoders, Status, decode_fn, measure_fn
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

cdef struct Decoder:
    int32_t encoding
    measure_fn measure
    decode_fn decode
    const char* name            # in lower case, for messages
    bint streams                # later rectangles need it to be read, painted or not: it goes through a zlib stream

# NULL for an encoding that is none of pixels or is not known here.
cdef const Decoder* decoder_find(int32_t encoding) noexcept nogil
# Paint a rectangle inside the surface; where there are levels, they keep up.
cdef Status decoder_paint(
    const Decoder* decoder, const Rect* rect, Cursor* payload, Surface* surface, Decoders* state
) noexcept nogil
cdef void decoders_init(Decoders* state) noexcept nogil
# Give back what the state holds; it can be used again as after `decoders_init`.
cdef void decoders_free(Decoders* state) noexcept nogil

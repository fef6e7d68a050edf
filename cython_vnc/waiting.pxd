"""Rectangles that came whole and are painted later, and which of them nobody would ever see."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.surface cimport Rect, Surface

cdef enum:
    # More than that waits at no time; what is longer by itself does not wait at all.
    MOST_WAITING_RECTANGLES = 4096
    MOST_WAITING_BYTES = 4 << 20

cdef struct WaitingRectangle:
    uint32_t position           # of its header, from the first byte that waits
    uint32_t payload_bytes
    bint hidden                 # by later ones, wholly

cdef struct Waiting:
    WaitingRectangle* rectangles  # room for MOST_WAITING_RECTANGLES, or NULL
    uint32_t count
    uint32_t updates              # that they are from
    Py_ssize_t painted_px         # of all of them
    Py_ssize_t waiting_bytes      # theirs, and what came between them
    # One bit a pixel of the surface: whether what it shows now is painted over by later rectangles, and not copied before.
    uint64_t* covered
    Py_ssize_t covered_words

# Room for `rectangles` more of one update, and `payload_bytes`.
cdef bint waiting_fits(Waiting* waiting, uint32_t rectangles, Py_ssize_t payload_bytes) noexcept nogil
cdef void waiting_add(Waiting* waiting, const Rect* rect, Py_ssize_t position, uint32_t payload_bytes) noexcept nogil
# Paint what waits, whose bytes begin at `data`, but for what is wholly painted over by later ones; `failed_*`: where it failed.
cdef Status waiting_paint(
    Waiting* waiting, const uint8_t* data, Surface* surface, Decoders* decoders, Rect* failed_rect, int32_t* failed_encoding
) noexcept nogil
cdef void waiting_clear(Waiting* waiting) noexcept nogil
cdef void waiting_free(Waiting* waiting) noexcept nogil

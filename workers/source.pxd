"""A screen source: where whole frames and their damage come from, and where input goes.

The seam between the step (hot.pyx) and a protocol. `hot.pyx` knows this class and no other; RFB is one source, the
synthetic one of the benchmarks another. The base class is the source of a worker that is not connected: no pixels, input is dropped.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Damage, Surface

cpdef enum Parcel:
    # What the main thread gives to a source, or has of it, by letters: one at a time.
    OFFER = 1                   # messages about a text of ours
    TEXT = 2                    # the newest text that was cut
    SHAPE = 3                   # the pointer's

cdef class ScreenSource:
    # Kept up to date by the methods; read by the hot loop.
    cdef Surface surface
    cdef Damage damage
    cdef Luma* luma              # of the surface, NULL or without levels: there are colours only
    cdef uint64_t frame          # newest whole frame; stamps in `damage` never exceed it
    cdef uint64_t updates        # FramebufferUpdates, or what corresponds to them
    cdef uint64_t rectangles
    cdef uint64_t bytes_received
    cdef int64_t pixel_ns        # when the newest frame's last byte arrived
    cdef int64_t server_ns       # its server's stamp, 0 where it gives none
    cdef bint has_picture        # every pixel was painted since it connected
    cdef bint partial
    cdef bint keeps              # `surface` is older than `frame` until `settle`
    cdef bint wants_write        # output waits for the descriptor to become writable
    cdef int descriptor          # to poll for input, -1: none
    cdef uint64_t barrier_seen   # newest payload of `barrier` that came back
    cdef bint fences             # it knows barriers
    cdef uint32_t texts          # how many were cut
    # Kept by the step: when the picture is wanted next, as far as is known (0: at once), and whether more than one frame came for each of
    # the newest rows.
    cdef int64_t wanted_ns
    cdef bint crowded

    # True: still usable. False: broken; `why()` says how, and nothing more is called.
    cdef bint readable(self) noexcept nogil
    cdef bint flush(self) noexcept nogil
    # Bring `surface` up to `frame`; what is read from the surface before may be older.
    cdef bint settle(self) noexcept nogil
    # How its pictures are shown. `gray` only: it may keep `luma`. `small` only: of what is lossy anyway it may decode less.
    cdef void shown_as(self, bint gray, bint small) noexcept nogil
    # Pace requests; returns the time at which it wants to be called again.
    cdef int64_t pace(self, int64_t now_ns) noexcept nogil
    cdef bint key(self, uint32_t keysym, bint down) noexcept nogil
    cdef bint pointer(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil
    # Ask for the whole screen again.
    cdef bint refresh(self) noexcept nogil
    # Ask the server to say `payload` back when all before it has been handled.
    cdef bint barrier(self, uint64_t payload) noexcept nogil
    # Take the main thread's parcel, or make the one that it wants.
    cdef bint exchange(self, uint64_t parcel) noexcept nogil
    # A STEP entry was taken.
    cdef void step_begins(self, uint64_t step) noexcept nogil

"""The pictures of one environment's rows: live, repeated, or frozen at the end of an episode."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from cython_vnc.surface cimport Surface
from shm.layout cimport Record, View
from workers.observation cimport Observation
from workers.source cimport ScreenSource

cdef struct Rows:
    const View* view
    uint32_t env
    uint32_t generation
    Observation shown
    # Frames are numbered over all sources of this worker: a source's frame n is `base + n`.
    uint64_t base
    uint64_t layout_frame       # rows that show an older frame have another geometry: repaint them whole
    int32_t width, height       # of the source's surface when last seen
    bint levels                 # grey is made of the source's levels
    uint8_t* frozen             # a picture of our own: the end of an episode until its row is published
    uint64_t frozen_frame       # what it shows, 0: no frame of the source
    Surface pool                # max-pooling: the frame before the last; `pixels` NULL: no pooling
    bint has_newest
    uint64_t newest_step        # the newest row published

cdef bint rows_pools(Rows* rows) noexcept nogil
cdef void rows_free(Rows* rows) noexcept nogil
cdef void rows_find_newest(Rows* rows) noexcept nogil
cdef void rows_switch(Rows* rows, uint64_t last_frame) noexcept nogil
cdef void rows_pool(Rows* rows, ScreenSource source) noexcept nogil
cdef void rows_prepare(Rows* rows, ScreenSource source, uint64_t step) noexcept nogil
cdef void rows_live(Rows* rows, ScreenSource source, bint good, uint64_t step, bint pooled) noexcept nogil
cdef void rows_repeat(Rows* rows, uint64_t step) noexcept nogil
cdef void rows_frozen(Rows* rows, uint64_t step) noexcept nogil
cdef bint rows_freeze(Rows* rows, ScreenSource source, bint good, bint pooled) noexcept nogil
cdef void rows_final(Rows* rows) noexcept nogil

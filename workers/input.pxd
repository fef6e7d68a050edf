"""Events on their way to the remote, and what is held there."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from shm.layout cimport Entry
from workers.source cimport ScreenSource

cdef enum:
    SCHEDULED_EVENTS = 1024     # a power of two
    HELD_KEYS = 128

cdef struct Scheduled:
    int64_t at_ns
    Entry event

cdef struct Input:
    Scheduled events[SCHEDULED_EVENTS]
    uint64_t head
    uint64_t tail
    uint32_t held[HELD_KEYS]
    int held_count
    uint8_t buttons
    uint16_t x
    uint16_t y
    int64_t sent_ns             # when the newest event was sent
    uint64_t acted_frame        # the source's frame when the newest event was sent that is no key release

cdef bint input_full(const Input* events) noexcept nogil
cdef bint input_empty(const Input* events) noexcept nogil
cdef void input_schedule(Input* events, const Entry* entry, int64_t at_ns) noexcept nogil
cdef int64_t input_next_ns(const Input* events) noexcept nogil
cdef bint input_send(Input* events, ScreenSource source, int64_t now_ns, int32_t shift_x, int32_t shift_y) noexcept nogil
cdef bint input_release(Input* events, ScreenSource source) noexcept nogil
cdef void input_drop(Input* events) noexcept nogil
cdef void input_forget(Input* events) noexcept nogil

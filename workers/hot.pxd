"""The hot thread of a worker (theory of operation in hot.pyx)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from workers.mail cimport Mailbox
from workers.source cimport ScreenSource
from workers.stepper cimport Stepper

cdef class HotLoop(Stepper):
    cdef int doorbell
    cdef Mailbox* to_hot
    cdef bint start_episode
    cdef bint exact             # pictures are decoded whole, however they are shown
    cdef bint picture_told
    cdef uint32_t texts_told
    cdef uint64_t last_reset    # a reset that comes twice, because it may have been lost, is made once
    cdef int64_t batch_ns       # when the first event of the coming step was taken
    cdef int rewarder           # the rewarder's socket, -1: none
    cdef int64_t patience_ns    # how long a row that is due waits for what has arrived there
    cdef uint64_t main_reads    # 1: the main thread has taken from it what it has not posted yet
    cdef object mapping
    cdef object next_source

    cdef int loop(self, ScreenSource source) noexcept nogil
    cdef bint reward_arrived(self) noexcept nogil
    cdef void tell_copied(self, ScreenSource source) noexcept nogil
    cdef int read_mail(self, ScreenSource source) noexcept nogil
    cdef void take_entries(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef int64_t next_wake(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef void state_phase(self, int64_t now_ns) noexcept nogil
    cdef void state(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef bint sleeps_next(self, int64_t now_ns) noexcept nogil
    cdef bint wait(self, ScreenSource source, int64_t until_ns) noexcept nogil

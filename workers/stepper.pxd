"""One environment's steps: when a row is due, what goes into it (theory of operation in stepper.pyx)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from shm.layout cimport Control, Entry, Record, View
from workers.episode cimport Episode, Numbers
from workers.input cimport Input
from workers.mail cimport Mailbox
from workers.rows cimport Rows
from workers.source cimport ScreenSource

cdef struct Pending:
    # The step that waits for its row.
    bint active
    Entry entry
    int64_t began_ns            # when it was taken
    int64_t events_sent_ns      # when its last event had gone out, 0: not yet
    uint64_t seen_frame         # newest frame looked at for QUIET
    int64_t quiet_since_ns
    uint32_t substeps_left      # step clock: environment steps still to make for this row
    uint64_t ahead_frame        # the newest frame that was looked at for what the row can show already
    bint stepping               # one of them is under way
    bint pooled                 # `rows.pool` holds the frame before the last

cdef class Stepper:
    cdef View view
    cdef Control* control
    cdef uint32_t env
    cdef bint step_clock
    cdef bint mask
    cdef bint no_screen         # a remote without VNC server: nothing to wait for
    cdef uint32_t autoreset
    cdef uint64_t max_steps
    cdef uint32_t frame_skip
    cdef Mailbox* to_main
    cdef readonly int main_bell
    cdef bint usable            # the source works
    cdef bint frozen            # `rows.frozen` is the terminal picture of `episode.now`
    cdef bint has_terminal      # SAME_STEP: `terminal` ended; its row waits for the next episode's first picture
    cdef uint64_t row_frame     # the source's frame when the newest row was published
    cdef bint crowding          # more than one frame came for it
    cdef uint64_t environment_step
    cdef uint64_t reward_seen
    cdef uint64_t barriers
    cdef uint64_t picture_barrier
    cdef uint64_t picture_frame
    cdef bint fenced            # the next picture is asked for when `picture_barrier` came back
    cdef Episode episode
    cdef Numbers terminal
    cdef Pending pending
    cdef Input input
    cdef Rows rows

    cdef void tell(self, uint32_t kind, uint64_t number, int64_t episode) noexcept nogil
    cdef void broke(self) noexcept nogil
    cdef bint settled(self, ScreenSource source) noexcept nogil
    cdef bint drain(self, ScreenSource source) noexcept nogil
    cdef void release(self, ScreenSource source) noexcept nogil
    cdef void begin_step(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef void begin_picture(self, ScreenSource source) noexcept nogil
    cdef void ask_picture(self, ScreenSource source) noexcept nogil
    cdef void watch_picture(self, ScreenSource source) noexcept nogil
    cdef bint masks(self) noexcept nogil
    cdef bint reset_failed(self) noexcept nogil
    cdef bint is_due(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef bint stepped(self, ScreenSource source) noexcept nogil
    cdef void answer(self, ScreenSource source, int64_t now_ns) noexcept nogil
    cdef void publish_running(self, ScreenSource source) noexcept nogil
    cdef void publish_masked(self, ScreenSource source, bint resetting) noexcept nogil
    cdef void freeze(self, ScreenSource source) noexcept nogil
    cdef void end_episode(self, ScreenSource source) noexcept nogil
    cdef bint claim(self) noexcept nogil
    cdef Record* blank_record(self) noexcept nogil
    cdef void finish(self, ScreenSource source, Record* record) noexcept nogil
    cdef bint overdue(self, int64_t now_ns) noexcept nogil
    cdef int64_t due_ns(self) noexcept nogil
    cdef int64_t wanted_ns(self) noexcept nogil
    cdef void count_frames(self, ScreenSource source) noexcept nogil

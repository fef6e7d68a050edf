"""Rows that are written to before they are due, so that little is left to do at a tick, when those of all environments are.

Theory of operation. A row is claimed for as long as it is written to, and then given back: until it is due the trainer may give
it up like any other. What it has is then overwritten; `Record.frame` says at all times what a row that nobody claims shows.
"""

from libc.stdint cimport int64_t

from shm.atomic cimport monotonic_ns
from shm.row cimport row_claim, row_return
from workers.entries cimport AT, HOLD, RUNNING
from workers.episode cimport episode_over
from workers.rows cimport rows_prepare
from workers.source cimport ScreenSource
from workers.stepper cimport Pending, Stepper

cdef enum:
    # A row that is due later is left alone: the trainer cannot give it up while it is written to.
    AHEAD_NS = 1_000_000_000


cdef void ahead_write(Stepper stepper, ScreenSource source) noexcept nogil:
    """Write what came since the last row into the one that is awaited."""
    cdef Pending* pending = &stepper.pending
    cdef int64_t left_ns
    if not pending.active or pending.entry.due != AT or pending.entry.kind == HOLD or pending.ahead_frame == source.frame:
        return
    if stepper.episode.phase != RUNNING or episode_over(&stepper.episode) or stepper.step_clock or stepper.frozen:
        return
    left_ns = pending.entry.due_ns - monotonic_ns()
    if source.keeps or not 0 < left_ns <= AHEAD_NS or not stepper.settled(source):
        return
    if row_claim(&stepper.view, pending.entry.step, stepper.env):
        rows_prepare(&stepper.rows, source, pending.entry.step)
        row_return(&stepper.view, pending.entry.step, stepper.env)
        pending.ahead_frame = source.frame

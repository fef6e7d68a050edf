"""Rows that are written to before they are due, so that little is left to do at a tick, when those of all environments are.

Theory of operation. A row is claimed for as long as it is written to, and then given back: until it is due the trainer may give
it up like any other. What it has is then overwritten; `Record.frame` says at all times what a row that nobody claims shows.
"""

from libc.stdint cimport int64_t

from shm.row cimport row_claim, row_return
from workers.entries cimport AT, HOLD, RUNNING
from workers.episode cimport episode_over
from workers.rows cimport rows_prepare
from workers.source cimport ScreenSource
from workers.stepper cimport Pending, Stepper

cdef enum:
    # A row that is due later is left alone: the trainer cannot give it up while it is written to.
    AHEAD_NS = 1_000_000_000


cdef bint ahead_write(Stepper stepper, ScreenSource source, int64_t now_ns) noexcept nogil:
    """Write what came since the last row into the one that is awaited. False: there was nothing to be written."""
    cdef Pending* pending = &stepper.pending
    if not pending.active or pending.entry.due != AT or pending.entry.kind == HOLD or pending.ahead_frame == source.frame:
        return False
    if stepper.episode.phase != RUNNING or episode_over(&stepper.episode) or stepper.step_clock or stepper.frozen:
        return False
    if not now_ns < pending.entry.due_ns <= now_ns + AHEAD_NS or source.keeps or not stepper.settled(source):
        return False
    if not row_claim(&stepper.view, pending.entry.step, stepper.env):
        return False
    rows_prepare(&stepper.rows, source, pending.entry.step)
    row_return(&stepper.view, pending.entry.step, stepper.env)
    pending.ahead_frame = source.frame
    return True

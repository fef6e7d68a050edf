"""Rows that are written to before they are due."""

from libc.stdint cimport int64_t

from workers.source cimport ScreenSource
from workers.stepper cimport Stepper

cdef bint ahead_write(Stepper stepper, ScreenSource source, int64_t now_ns) noexcept nogil

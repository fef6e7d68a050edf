"""Rows that are written to before they are due."""

from workers.source cimport ScreenSource
from workers.stepper cimport Stepper

cdef void ahead_write(Stepper stepper, ScreenSource source) noexcept nogil

"""A VNC server as a screen source."""

from libc.stdint cimport int64_t, uint64_t

from cython_vnc.buffer cimport Bytes
from cython_vnc.cursor cimport CursorShape
from cython_vnc.decoders.base cimport Status
from cython_vnc.protocol cimport RFBProtocol
from workers.source cimport ScreenSource

cdef class RFBSource(ScreenSource):
    cdef readonly RFBProtocol protocol
    cdef Status status
    cdef int error_number
    cdef bint ended                  # the server closed the connection
    cdef bint use_continuous
    cdef int64_t period_ns
    cdef int64_t next_request_ns
    cdef int quiet_requests
    cdef int64_t requested_ns        # when the newest request was made
    cdef int64_t asked_for_ns        # and `wanted_ns` at that time
    cdef bint typed                  # a key was sent
    cdef uint64_t probe_wanted       # the main thread wants a sign of life
    cdef Status refused              # why a message of ours was not queued
    # The parcel between the threads: the hot thread's from the letter EXCHANGE to EXCHANGED, else the main thread's.
    cdef Bytes parcel
    cdef Py_ssize_t said_bytes       # of an OFFER: what follows is kept
    cdef bint packed                 # of a TEXT
    cdef bint too_long
    cdef CursorShape shape           # of a SHAPE, whose pixels are the parcel
    cdef bint exchanged

    cdef bint take(self) noexcept nogil
    cdef Status fill(self, const void* data, Py_ssize_t count) noexcept nogil
    cdef bint paint(self, int64_t now_ns) noexcept nogil
    cdef bytes take_parcel(self)
    cdef int64_t ask(self, int64_t now_ns) noexcept nogil
    cdef bint queued(self, Status status) noexcept nogil

"""The trainer's end of the queues: one writer, one reader (the environment's hot thread) each."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from shm.layout cimport Entry, View
from shm.view cimport Mapping

cdef struct Refusal:
    # Why arguments were refused, and which environment.
    int kind
    int32_t env

cdef class Queues:
    cdef Mapping mapping
    cdef readonly int num_envs
    cdef int* doorbells
    cdef uint32_t* counts           # of entries that `send` adds, by environment
    cdef uint32_t* generations      # the newest worker that can have taken the entries
    cdef object dtype

    cdef const Entry* entries_get(self, object entries, Py_buffer* buffer) except NULL
    cdef int publish(self, const View* view, int env, uint64_t head) noexcept nogil
    cdef Refusal count(self, const int32_t[::1] envs, const int32_t[::1] event_envs) noexcept nogil
    cdef int add(
        self, const View* view, const Entry* steps, const int32_t[::1] envs, const Entry* events,
        const int32_t[::1] event_envs, uint8_t[::1] dropped,
    ) noexcept nogil

"""The trainer's side of a segment; see ring.pyx."""

from libc.stdint cimport int64_t, uint32_t

from shm.layout cimport Header, View
from shm.queues cimport Queues
from shm.view cimport Mapping, Memory

cdef class Ring:
    cdef Mapping mapping
    cdef Queues queues
    cdef Memory blocks_memory, records_memory, pixels_memory
    cdef readonly int num_envs
    cdef readonly int slots
    cdef readonly int queue_entries
    cdef int owner
    cdef int64_t* opened            # newest step, by environment
    cdef int64_t newest
    cdef uint32_t attention
    cdef object all_records, all_pixels, all_controls, all_spares

    cdef int views_make(self, int fd, const Header* header) except -1
    cdef Mapping use(self)
    cdef View* row_use(self, int64_t step, int env) except NULL
    cdef int64_t newest_done(self, const View* view, int64_t step, int env) noexcept nogil
    cdef object first_slot(self, int64_t step, int64_t k)

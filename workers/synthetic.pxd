"""A screen source without a server, for benchmarks of the handover."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from workers.source cimport ScreenSource

cdef class SyntheticSource(ScreenSource):
    cdef uint64_t counter
    cdef int32_t patch_width
    cdef int32_t patch_height

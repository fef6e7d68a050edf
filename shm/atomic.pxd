"""Atomics, futex and the monotonic clock on words of the segment (atomic.h says which ordering and why)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "shm/atomic.h" nogil:
    uint64_t load_acquire(const uint64_t* word)
    void store_release(uint64_t* word, uint64_t value)
    uint32_t load_acquire32(const uint32_t* word)
    void store_release32(uint32_t* word, uint32_t value)
    uint64_t fetch_or(uint64_t* word, uint64_t bits)
    uint64_t fetch_and(uint64_t* word, uint64_t bits)
    uint32_t fetch_add32(uint32_t* word, uint32_t value)
    void full_barrier()
    bint compare_and_swap(uint64_t* word, uint64_t expected, uint64_t value)
    int bits_set(uint64_t word)
    long futex_wait_until(uint32_t* word, uint32_t expected, int64_t deadline_ns)
    long futex_wake_all(uint32_t* word)
    int64_t monotonic_ns()

"""The trainer's side of arrivals: count the rows that are done, sleep until enough are.

A worker stores DONE, sets its bit, then looks at `wanted` (row_arrive); `rows_wait` stores `wanted`, then looks at the
records. The full barrier between store and look on either side means that one of them sees the other, so no wake-up is lost.

`steps` is the step asked of each environment, negative for none; NULL asks `step` of all.
"""

from libc.errno cimport EAGAIN, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t

from shm.atomic cimport fetch_or, full_barrier, futex_wait_until, load_acquire, load_acquire32, store_release32
from shm.layout cimport DONE, View, bitmap_at, record_at

cdef enum:
    NOBODY_WAITS = 0xFFFFFFFF


cdef inline int64_t step_of(int64_t step, const int64_t* steps, uint32_t env) noexcept nogil:
    return step if steps == NULL else steps[env]


cdef inline uint32_t rows_done(const View* view, int64_t step, const int64_t* steps) noexcept nogil:
    """Count the rows asked for that are DONE, and set the bits of those whose worker ended before it could."""
    cdef uint64_t* words = bitmap_at(view)
    cdef uint64_t bit
    cdef uint32_t env, done = 0
    cdef int64_t asked
    for env in range(view.header.num_envs):
        asked = step_of(step, steps, env)
        if asked >= 0 and load_acquire(&record_at(view, asked, env).state) == (<uint64_t>asked << 2 | <uint64_t>DONE):
            done += 1
            bit = <uint64_t>1 << (env % 64)
            if not load_acquire(words + env // 64) & bit:
                fetch_or(words + env // 64, bit)
    return done


cdef inline uint32_t bits_of_others(const View* view, const int64_t* steps) noexcept nogil:
    """Count the bits of environments that are not asked for: they stay set until the trainer clears them."""
    cdef uint64_t* words = bitmap_at(view)
    cdef uint32_t env, others = 0
    if steps != NULL:
        for env in range(view.header.num_envs):
            if steps[env] < 0 and load_acquire(words + env // 64) >> (env % 64) & 1:
                others += 1
    return others


cdef inline uint32_t rows_wait(
    const View* view, int64_t step, const int64_t* steps, uint32_t wanted, int64_t deadline_ns, uint32_t attention,
    bint on_wake,
) noexcept nogil:
    """Sleep until `wanted` rows are done, the deadline, a signal or (on_wake) attention; returns how many are done."""
    cdef uint32_t seq, done
    store_release32(&view.header.wanted, wanted + bits_of_others(view, steps))
    full_barrier()
    while True:
        seq = load_acquire32(&view.header.wake_seq)
        done = rows_done(view, step, steps)
        if done >= wanted or (on_wake and load_acquire32(&view.header.attention) != attention):
            break
        if futex_wait_until(&view.header.wake_seq, seq, deadline_ns) != 0 and errno != EAGAIN:
            return rows_done(view, step, steps)
    return done


cdef inline void rows_stop_waiting(const View* view) noexcept nogil:
    """Arrivals need no wake-up from here on."""
    store_release32(&view.header.wanted, NOBODY_WAITS)

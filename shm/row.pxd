"""The worker's side of the ring: claim a row, finish it, report its arrival; take queue entries.

All `noexcept nogil`, on one environment of one `View`; called only by that environment's hot thread.
"""

from libc.stdint cimport uint32_t, uint64_t

from shm.atomic cimport (
    bits_set, compare_and_swap, fetch_add32, fetch_or, full_barrier, futex_wake_all, load_acquire, load_acquire32,
    store_release,
)
from shm.layout cimport (
    ABANDONED, CLAIMED, DONE, EMPTY, Control, Entry, Record, View, bitmap_at, control_at, entry_at, record_at,
)


cdef inline bint row_claim(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    """Swap EMPTY(step) for CLAIMED(step); False when the trainer gave the row up, or it is already done."""
    return compare_and_swap(&record_at(view, step, env).state, step << 2 | <uint64_t>EMPTY, step << 2 | <uint64_t>CLAIMED)


cdef inline void row_return(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    """Give a claimed row back unfinished: what was written so far is its content, and `Record.frame` says what that shows."""
    store_release(&record_at(view, step, env).state, step << 2 | <uint64_t>EMPTY)


cdef inline void row_finish(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    """Publish the row: everything written before is visible to who reads DONE(step)."""
    store_release(&record_at(view, step, env).state, step << 2 | <uint64_t>DONE)


cdef inline void row_arrive(const View* view, uint32_t env) noexcept nogil:
    """Set this environment's arrival bit; wake the trainer when as many have arrived as it waits for.

    Bits and wake-ups are hints to look: the trainer always recomputes from the records. The barrier pairs with the one
    in `Ring.wait`: either this worker sees what the trainer wants, or the trainer sees this worker's DONE. It also
    makes the last of all who set their bits see every bit.
    """
    cdef uint64_t* words = bitmap_at(view)
    cdef uint32_t i, arrived = 0
    fetch_or(words + env // 64, <uint64_t>1 << (env % 64))
    full_barrier()
    for i in range((view.header.num_envs + 63) // 64):
        arrived += bits_set(load_acquire(words + i))
    if arrived >= load_acquire32(&view.header.wanted):
        fetch_add32(&view.header.wake_seq, 1)
        futex_wake_all(&view.header.wake_seq)


cdef inline void attention_raise(const View* view) noexcept nogil:
    """Let a trainer that waits `on_wake` look at the control blocks."""
    fetch_add32(&view.header.attention, 1)
    fetch_add32(&view.header.wake_seq, 1)
    futex_wake_all(&view.header.wake_seq)


cdef inline Entry* queue_peek(const View* view, uint32_t env) noexcept nogil:
    """The oldest entry not yet taken, or NULL. It stays valid until `queue_take`."""
    cdef Control* control = control_at(view, env)
    if load_acquire(&control.head) == control.tail:
        return NULL
    return entry_at(view, env, control.tail)


cdef inline void queue_take(const View* view, uint32_t env) noexcept nogil:
    cdef Control* control = control_at(view, env)
    store_release(&control.tail, control.tail + 1)

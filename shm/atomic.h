/* Atomics on words of the segment, with the orderings the ring needs and no others. */
#ifndef ENVSERVER_SHM_ATOMIC_H
#define ENVSERVER_SHM_ATOMIC_H

#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t load_acquire(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void store_release(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
static inline uint32_t load_acquire32(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void store_release32(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* Sequentially consistent among themselves; plain loads after one may still be satisfied before it, see full_barrier. */
static inline uint64_t fetch_or(uint64_t *word, uint64_t bits) { return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST); }
static inline uint64_t fetch_and(uint64_t *word, uint64_t bits) { return __atomic_fetch_and(word, bits, __ATOMIC_SEQ_CST); }
static inline uint32_t fetch_add32(uint32_t *word, uint32_t value) { return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST); }

/* Between "I stored mine" and "I look at yours": of two who both do this, at least one sees the other's store. */
static inline void full_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static inline int compare_and_swap(uint64_t *word, uint64_t expected, uint64_t value) {
    return __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline int bits_set(uint64_t word) { return __builtin_popcountll(word); }

/* Absolute deadline on CLOCK_MONOTONIC; FUTEX_WAIT_BITSET takes it as such. Shared between processes. */
static inline long futex_wait_until(uint32_t *word, uint32_t expected, int64_t deadline_ns) {
    struct timespec deadline = {deadline_ns / 1000000000, deadline_ns % 1000000000};
    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &deadline, 0, FUTEX_BITSET_MATCH_ANY);
}
static inline long futex_wake_all(uint32_t *word) { return syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, 0, 0, 0); }

static inline int64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif

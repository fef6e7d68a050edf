"""Steps in which nothing happened but a reward: one pass over the control blocks, one over the rows.

The arrays are looked up once and read or written at each step, which costs a trainer between two steps much less than NumPy,
whose code the workers have pushed out of the caches meanwhile.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from shm.atomic cimport load_acquire, load_acquire32
from shm.layout cimport DONE, Control, Record, View, control_at, record_at
from shm.ring cimport Ring


cdef class PlainSteps:
    cdef Ring ring
    cdef const uint32_t[::1] generations
    cdef const int64_t[::1] reported
    cdef double[::1] rewards
    cdef int64_t[::1] episodes
    cdef uint8_t unusual_flags

    def __init__(self, Ring ring not None, generations, reported, rewards, episodes, uint8_t unusual_flags):
        self.ring = ring
        self.generations, self.reported = generations, reported
        self.rewards, self.episodes = rewards, episodes
        self.unusual_flags = unusual_flags
        for array in (generations, reported, rewards, episodes):
            if len(array) != ring.num_envs:
                raise ValueError(f"an array of {len(array)}, expected one of {ring.num_envs} environments")

    def workers_stayed(self):
        cdef View* view = self.ring.row_use(0, 0)
        cdef const Control* control
        cdef int env
        for env in range(self.ring.num_envs):
            control = control_at(view, env)
            if load_acquire32(&control.generation) != self.generations[env] or not load_acquire32(&control.broker_alive):
                return False
        return True

    def read(self, int64_t step):
        cdef View* view = self.ring.row_use(step, 0)
        cdef const Record* record
        cdef int env
        for env in range(self.ring.num_envs):
            record = record_at(view, step, env)
            if (
                load_acquire(&record.state) != (<uint64_t>step << 2 | <uint64_t>DONE)
                or record.terminated or record.truncated or record.late or record.resetting or record.fault
                or record.flags & self.unusual_flags or record.info_bytes
                or record.generation != self.generations[env] or record.episode == self.reported[env]
            ):
                return False
        for env in range(self.ring.num_envs):
            record = record_at(view, step, env)
            self.rewards[env] = record.reward
            self.episodes[env] = record.episode
        return True

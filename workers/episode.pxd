"""Which episode runs, what arrived of it, and how it ended. Pure state, no I/O (theory in episode.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from shm.layout cimport INFO_BYTES, Record
from workers.mail cimport Mail

cdef struct Numbers:
    # What arrived of one episode and was not published yet.
    int64_t episode
    double reward
    bint terminated
    bint truncated
    uint32_t fault
    int64_t remote_ns
    int64_t arrival_ns
    uint64_t first_info     # numbers of the first and last info that arrived
    uint64_t last_info
    uint16_t info_bytes     # of msgpack maps one after the other, ELSEWHERE when they are too many
    uint16_t last_bytes     # where the last one begins
    uint8_t info[INFO_BYTES]

cdef struct Episode:
    uint32_t phase
    Numbers now
    Numbers next
    bint next_runs          # the remote already runs `next`
    bint remote_restarts    # the end came from the remote, which starts the next episode by itself
    bint awaits_picture     # the remote runs; the first picture of the episode is awaited
    bint first_row          # no row of this episode was published
    uint64_t reset_id       # the trainer's reset that began this episode or is under way, 0: an automatic one
    uint64_t steps          # rows published after the first

cdef void episode_reward(Episode* episode, const Mail* mail) noexcept nogil
cdef bint episode_runs(Episode* episode, const Mail* mail) noexcept nogil
cdef bint episode_lost(Episode* episode, uint32_t fault) noexcept nogil
cdef void episode_start_reset(Episode* episode, uint64_t reset_id) noexcept nogil
cdef bint episode_over(const Episode* episode) noexcept nogil
cdef int64_t info_range(const Numbers* numbers) noexcept nogil
cdef void info_into(Numbers* numbers, Record* record) noexcept nogil
cdef void numbers_into(Numbers* numbers, Record* record) noexcept nogil
cdef void info_into(Numbers* numbers, Record* record) noexcept nogil

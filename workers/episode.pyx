"""Which episode runs, what arrived of it, and how it ended.

Theory of operation. The remote numbers its episodes. `now` gathers what arrives of the episode that the rows show, from RUNNING
until its end was published; then `next` takes its place. Messages of an older episode are dropped; those of a newer one are
kept in `next`, and a newer one that runs before `now` said done ends `now` by truncation. When several episodes pass between
two rows, the ones between are skipped: a row can end one episode only.

    STARTING --ready--> ENDED --reset--> RESETTING --runs, first picture--> RUNNING --end published--> RESETTING or ENDED
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from shm.layout cimport Record
from workers.entries cimport INFO_ELSEWHERE, RESETTING, RUNNING
from workers.mail cimport Mail

cdef enum:
    ELSEWHERE = 0xFFFF


cdef void numbers_add(Numbers* numbers, const Mail* mail) noexcept nogil:
    numbers.reward += mail.reward
    numbers.terminated = numbers.terminated or mail.terminated
    numbers.truncated = numbers.truncated or mail.truncated
    numbers.remote_ns = mail.remote_ns
    numbers.arrival_ns = mail.arrival_ns
    if mail.info_bytes > 0:
        info_add(numbers, mail)


cdef void info_add(Numbers* numbers, const Mail* mail) noexcept nogil:
    """One more info: behind those that no row has shown yet, or in place of the last one."""
    cdef uint16_t at = numbers.info_bytes
    if at == 0:
        numbers.first_info = mail.info_number
    elif mail.info_replaces != 0 and mail.info_replaces == numbers.last_info and at != ELSEWHERE:
        at = numbers.last_bytes
    numbers.last_info = mail.info_number
    if at == ELSEWHERE or at + mail.info_bytes > INFO_BYTES:
        numbers.info_bytes = ELSEWHERE
        return
    numbers.last_bytes = at
    numbers.info_bytes = at + mail.info_bytes
    memcpy(&numbers.info[at], mail.info, mail.info_bytes)


cdef void numbers_clear(Numbers* numbers, int64_t episode) noexcept nogil:
    memset(numbers, 0, sizeof(Numbers))
    numbers.episode = episode


cdef bint episode_over(const Episode* episode) noexcept nogil:
    return episode.now.terminated or episode.now.truncated


cdef void episode_reward(Episode* episode, const Mail* mail) noexcept nogil:
    """A reward message arrived; it counts for the episode that it names."""
    if mail.episode == episode.now.episode:
        if episode.phase == RUNNING or episode.awaits_picture:
            if not episode_over(episode):
                numbers_add(&episode.now, mail)
                episode.remote_restarts = episode_over(episode)
    elif mail.episode > episode.now.episode:
        if mail.episode != episode.next.episode:
            numbers_clear(&episode.next, mail.episode)
            episode.next_runs = False
        numbers_add(&episode.next, mail)


cdef void adopt(Episode* episode, int64_t number) noexcept nogil:
    """`number` is the episode to show; its first picture is awaited."""
    if episode.next.episode == number:
        episode.now = episode.next
    else:
        numbers_clear(&episode.now, number)
    numbers_clear(&episode.next, -1)
    episode.next_runs = False
    episode.remote_restarts = False
    episode.awaits_picture = True
    episode.first_row = True
    episode.steps = 0


cdef bint episode_runs(Episode* episode, const Mail* mail) noexcept nogil:
    """The remote runs `mail.episode`; True when that begins the episode to show."""
    cdef bint newer = mail.episode > episode.now.episode
    if episode.phase == RESETTING and mail.number == episode.reset_id and (mail.number > 0 or newer):
        adopt(episode, mail.episode)
        return True
    if (episode.phase == RUNNING or episode.awaits_picture) and mail.number == 0 and newer:
        if not episode_over(episode):
            episode.now.truncated = True
        episode.remote_restarts = True
        if episode.next.episode != mail.episode:
            numbers_clear(&episode.next, mail.episode)
        episode.next_runs = True
    return False


cdef bint episode_lost(Episode* episode, uint32_t fault) noexcept nogil:
    """The connection is gone: what ran has ended, by a fault and not by a reward.

    True: the remote had begun the next episode, of which nothing was seen: the reset has to be made again.
    """
    cdef bint again = episode.awaits_picture
    episode.remote_restarts = False
    episode.next_runs = False
    episode.awaits_picture = False
    if episode.phase != RUNNING:
        episode.now.fault = fault
    elif not episode_over(episode):
        episode.now.fault = fault
        episode.now.truncated = True
    return again


cdef void episode_start_reset(Episode* episode, uint64_t reset_id) noexcept nogil:
    """Leave the episode that was shown; the next begins with `episode_runs`, or at once if the remote runs it already."""
    cdef int64_t number = episode.next.episode
    episode.phase = RESETTING
    episode.awaits_picture = False
    episode.reset_id = reset_id
    if reset_id != 0:
        episode.now.fault = 0
    if reset_id == 0 and episode.next_runs:
        adopt(episode, number)


cdef void numbers_into(Numbers* numbers, Record* record) noexcept nogil:
    """Move what arrived into a record, and begin to count anew."""
    record.reward = numbers.reward
    record.episode = numbers.episode
    record.terminated = numbers.terminated
    record.truncated = numbers.truncated
    record.fault = numbers.fault
    record.reward_remote_ns = numbers.remote_ns
    record.reward_arrival_ns = numbers.arrival_ns
    info_into(numbers, record)
    numbers.reward = 0


cdef void info_into(Numbers* numbers, Record* record) noexcept nogil:
    """Move the infos alone into a record."""
    if numbers.info_bytes == ELSEWHERE:
        record.flags |= INFO_ELSEWHERE
    else:
        record.info_bytes = numbers.info_bytes
        memcpy(record.info, numbers.info, numbers.info_bytes)
    numbers.info_bytes = 0


cdef int64_t info_range(const Numbers* numbers) noexcept nogil:
    """The last info's number, and in the lower 16 bits how many came before it since the first."""
    return <int64_t>(numbers.last_info << 16 | min(numbers.last_info - numbers.first_info, <uint64_t>0xFFFF))

"""Letters between a worker's main thread and its hot thread: two rings of one writer and one reader, no lock.

The hot thread sleeps in poll; who posts to it writes its eventfd. Letters to the main thread wake its event loop the same way.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from shm.atomic cimport load_acquire, store_release
from shm.layout cimport INFO_BYTES

cdef enum:
    MAIL_LETTERS = 256      # a power of two

cpdef enum Letter:
    # main -> hot
    READY = 1               # connected and first picture there: episodes may begin
    RUNNING = 2             # episode `episode` runs; number: the reset it answers, 0 when the remote did so by itself
    REWARD = 3
    REMOTE_RESETS = 4       # the remote left episode `episode - 1` without saying done
    LOST = 5                # number: the Fault; whatever ran has ended
    SWITCH = 6              # another source was put in place
    STOP = 7
    EXCHANGE = 8            # number: what the main thread gives to the source, or wants of it (source.pxd)
    # hot -> main
    PICTURE = 32            # the source shows a whole picture for the first time
    RESET_WANTED = 33       # number: the reset's id, 0 for an automatic one
    BROKEN = 34             # the source broke; it is not touched any more
    INFO_PUBLISHED = 35     # number: the step whose row refers to infos that it could not hold; episode: which (info_range)
    EXCHANGED = 36          # that was done, if the source works
    COPIED = 37             # a program cut text; number: when it was noticed

cdef struct Mail:
    uint32_t kind
    uint8_t terminated
    uint8_t truncated
    uint16_t info_bytes     # of one msgpack map; 0xFFFF: too large for any record
    uint64_t number         # step clock: the environment step that a REWARD answers, 0 otherwise
    int64_t episode
    double reward
    int64_t remote_ns
    int64_t arrival_ns
    uint64_t info_number    # infos are numbered from 1 by the main thread, which keeps them
    uint64_t info_replaces  # the info before it, if this one has all of its keys; else 0: they add up
    uint8_t info[INFO_BYTES]

cdef struct Mailbox:
    uint64_t head
    uint8_t pad_head[56]
    uint64_t tail
    uint8_t pad_tail[56]
    Mail letters[MAIL_LETTERS]

cdef inline Mail* mail_room(Mailbox* box) noexcept nogil:
    """The place for the next letter, or NULL when the box is full."""
    if box.head - load_acquire(&box.tail) >= MAIL_LETTERS:
        return NULL
    return &box.letters[box.head % MAIL_LETTERS]

cdef inline uint64_t mail_waiting(Mailbox* box) noexcept nogil:
    return box.head - load_acquire(&box.tail)

cdef inline void mail_post(Mailbox* box) noexcept nogil:
    store_release(&box.head, box.head + 1)

cdef inline Mail* mail_peek(Mailbox* box) noexcept nogil:
    if load_acquire(&box.head) == box.tail:
        return NULL
    return &box.letters[box.tail % MAIL_LETTERS]

cdef inline void mail_take(Mailbox* box) noexcept nogil:
    store_release(&box.tail, box.tail + 1)

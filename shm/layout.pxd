"""The one description of a session's segment: what lies where, and who writes it.

    header | arrival bitmap | control[n] | spare[n] | records[slots][n] | pixels[slots][n][h][w][c]

Every part starts on a page. `records` and `pixels` have a slot stride of whole pages, so that the
trainer can map them twice in a row and read any window of steps as one array.

Who writes: the broker fills the header and `Control.generation .. broker_fault`; the worker of an environment
its `Control.heartbeat_ns .. tail`, and its rows while CLAIMED; the trainer `Control.head`, the entries, `wanted`,
the EMPTY and ABANDONED states, and rows that it abandoned. While no worker lives, the broker sets `Control.tail`.
Everybody sets bits of the bitmap and adds to `wake_seq` and `attention`. Nobody else writes anything.
"""

from libc.stdint cimport (
    int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t,
)

cpdef enum:
    # Changes whenever anything below changes.
    LAYOUT_VERSION = 2
    PAGE_BYTES = 4096
    # Room for msgpack in a record, and once more for the end of an episode.
    INFO_BYTES = 256

cdef extern from *:
    """
    /* The first eight bytes of a segment: "ESRVSHM" and a zero, read little-endian. */
    #define SEGMENT_MAGIC 0x004d485356525345ULL
    """
    const uint64_t SEGMENT_MAGIC

# The state word of a row is `step << 2 | RowState`, so a claim names the step it is for.
cpdef enum RowState:
    EMPTY = 0       # the trainer asked for this step; nobody has answered
    CLAIMED = 1     # the worker is writing the row
    DONE = 2        # the row is complete: the worker's, or a copy by the trainer (`late`)
    ABANDONED = 3   # the deadline passed first: only the trainer may write, and its copy is not there yet

cdef struct Header:
    uint64_t magic
    uint32_t version
    uint32_t num_envs
    uint64_t total_bytes
    uint32_t slots
    uint32_t height
    uint32_t width
    uint32_t channels
    uint32_t queue_entries      # capacity of each environment's queue, a power of two
    uint32_t reserved
    uint64_t bitmap_offset
    uint64_t control_offset
    uint64_t control_stride
    uint64_t spare_offset
    uint64_t spare_stride
    uint64_t records_offset
    uint64_t records_slot_stride
    uint64_t pixels_offset
    uint64_t pixels_slot_stride
    uint64_t row_bytes          # height * width * channels
    # Own cache line, away from what everybody reads at each step and nobody writes.
    uint8_t pad_wake[64]
    uint32_t wake_seq           # the futex the trainer sleeps on; +1 at each wake-up
    uint32_t wanted             # arrival bits that are worth a wake-up; 2**32 - 1 while nobody waits
    uint32_t attention          # +1 when a control block changed in a way the trainer should look at
    uint8_t pad_header[52]

cdef struct Entry:
    # One thing in an environment's queue. `kind` and `due` are numbers of the packages above.
    uint32_t kind
    uint32_t offset_us          # when to act, after the entry's step was sent
    uint64_t step               # or the id of a reset
    int64_t due_ns              # CLOCK_MONOTONIC: when the observation is due, or due at the latest
    int64_t quiet_ns
    int64_t value
    int32_t argument            # a keysym, a button mask
    uint16_t x
    uint16_t y
    uint16_t width
    uint16_t height
    uint16_t due
    uint16_t flags
    uint8_t pad_entry[8]

cdef struct Control:
    # Written by the broker.
    uint32_t generation         # 1 for the first worker of this environment, +1 at each restart
    uint32_t pid                # of the worker
    uint32_t broker_alive       # 1 from before the worker starts until after its process was waited for
    uint32_t broker_fault       # why it does not
    uint8_t pad_broker[48]
    # Written by the worker.
    int64_t heartbeat_ns
    uint32_t phase
    uint32_t fault
    int64_t episode
    int64_t phase_since_ns
    uint64_t updates            # FramebufferUpdates decoded since the worker started
    uint64_t update_bytes
    uint64_t rectangles
    uint64_t late_ticks
    uint64_t tail               # entries taken; its own cache line follows
    uint8_t pad_worker[56]
    # Written by the trainer.
    uint64_t head               # entries put
    uint8_t pad_trainer[56]
    # Entry entries[queue_entries] follow at CONTROL_BYTES.

cdef enum:
    CONTROL_BYTES = 256

cdef struct Record:
    # The numbers beside a row. A `frame` is comparable only within its `generation`.
    # What the trainer reads at each step is one cache line.
    uint64_t state
    uint64_t frame              # newest frame whose damage the pixels show; 0: convert everything
    double reward
    int64_t episode
    uint32_t generation
    uint32_t fault
    uint8_t terminated
    uint8_t truncated
    uint8_t late
    uint8_t resetting
    uint8_t flags               # of the packages above: letterboxed, partial, has_final, info_elsewhere
    uint8_t pad_flags
    uint16_t info_bytes
    uint64_t updates            # FramebufferUpdates decoded when this row was published
    int64_t action              # the applied action, as the trainer numbered it
    int64_t due_ns
    int64_t published_ns
    int64_t pixel_ns            # arrival of the last byte of the newest update in the row
    int64_t server_ns           # the server's own stamp of that update, 0 where it gives none
    int64_t action_ns           # when the last event of this step was sent
    int64_t reward_remote_ns    # the remote's clock (wall) when it sent the newest reward merged here
    int64_t reward_arrival_ns
    int64_t final_episode
    double final_reward
    uint16_t final_info_bytes
    uint8_t pad_info[54]        # `info` begins a cache line, and the record is a whole number of them
    uint8_t info[INFO_BYTES]    # msgpack
    uint8_t final_info[INFO_BYTES]

cdef struct View:
    # One process's mapping of the segment.
    uint8_t* base
    Header* header

cdef inline Control* control_at(const View* view, uint32_t env) noexcept nogil:
    return <Control*>(view.base + view.header.control_offset + env * view.header.control_stride)

cdef inline Entry* entry_at(const View* view, uint32_t env, uint64_t index) noexcept nogil:
    cdef uint64_t place = index & (view.header.queue_entries - 1)
    return <Entry*>(<uint8_t*>control_at(view, env) + CONTROL_BYTES) + place

cdef inline Record* record_at(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    cdef uint64_t slot = step % view.header.slots
    return <Record*>(view.base + view.header.records_offset + slot * view.header.records_slot_stride) + env

cdef inline uint8_t* pixels_at(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    cdef uint64_t slot = step % view.header.slots
    return view.base + view.header.pixels_offset + slot * view.header.pixels_slot_stride + env * view.header.row_bytes

cdef inline uint8_t* spare_at(const View* view, uint32_t env) noexcept nogil:
    return view.base + view.header.spare_offset + env * view.header.spare_stride

cdef inline uint64_t* bitmap_at(const View* view) noexcept nogil:
    return <uint64_t*>(view.base + view.header.bitmap_offset)

cdef void layout_fill(
    Header* header, uint32_t num_envs, uint32_t height, uint32_t width, uint32_t channels, uint32_t slots,
    uint32_t queue_entries,
) noexcept nogil
cdef bint layout_equal(const Header* one, const Header* other) noexcept nogil

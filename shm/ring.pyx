"""The trainer's side of a segment: ask for steps, wait for their rows, give up rows, view all without a copy.

Theory of operation. A row belongs to the worker from EMPTY(step) on and comes back by DONE(step). The trainer takes it back
earlier in two ways only: EMPTY -> ABANDONED by compare-and-swap, which a slow worker then loses; or, once the broker has
waited for the end of its process, CLAIMED -> ABANDONED (`seize`). A row taken back is filled with a copy and becomes DONE.

The segment is mapped once for writing and never shown; what callers get are views of read-only mappings, with `records`
and `pixels` twice in a row. Arrays hold these mappings: they outlive `close`.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.unistd cimport getpid

from shm.arrival cimport rows_stop_waiting, rows_wait
from shm.atomic cimport (
    compare_and_swap, fetch_and, load_acquire, load_acquire32, monotonic_ns, store_release,
)
from shm.layout cimport (
    ABANDONED, CLAIMED, DONE, EMPTY, Control, Header, Record, View, bitmap_at, control_at, pixels_at, record_at,
)
from shm.queues cimport Queues
from shm.view cimport Mapping, Memory, memory_map, memory_mirror

from shm.errors import RingClosed, RowHeld, SlotOverwritten
from shm.layout import control_dtype, record_dtype

cdef enum:
    # A signal that arrives just before the futex call does not interrupt it: look for signals this often.
    SIGNALS_NS = 100_000_000
    ANOTHER_STEP = 255


cdef inline uint64_t row_word(const View* view, uint64_t step, uint32_t env) noexcept nogil:
    return load_acquire(&record_at(view, step, env).state)


cdef class Ring:
    def __cinit__(self):
        self.opened = NULL

    def __init__(self, int segment_fd, doorbells):
        cdef int env
        if self.owner:
            raise ValueError("a ring is made once")
        self.owner = getpid()
        cdef Mapping mapping = Mapping(segment_fd)
        self.num_envs = mapping.view.header.num_envs
        self.slots = mapping.view.header.slots
        self.queue_entries = mapping.view.header.queue_entries
        self.queues = Queues(mapping, doorbells)
        self.opened = <int64_t*>calloc(self.num_envs, sizeof(int64_t))
        if self.opened == NULL:
            raise MemoryError
        self.newest = -1
        for env in range(self.num_envs):
            self.opened[env] = -1
        self.attention = load_acquire32(&mapping.view.header.attention)
        self.views_make(segment_fd, mapping.view.header)
        self.mapping = mapping

    cdef int views_make(self, int fd, const Header* header) except -1:
        cdef size_t spares_at = header.spare_offset - header.control_offset
        slots, n = self.slots, self.num_envs
        row = (header.height, header.width, header.channels)
        steps = (header.width * header.channels, header.channels, 1)
        self.blocks_memory = memory_map(
            fd, header.control_offset, header.records_offset - header.control_offset, False
        )
        self.records_memory = memory_mirror(fd, header.records_offset, header.slots * header.records_slot_stride)
        self.pixels_memory = memory_mirror(fd, header.pixels_offset, header.slots * header.pixels_slot_stride)
        self.all_controls = np.ndarray((n,), control_dtype(), self.blocks_memory, 0, (header.control_stride,))
        self.all_spares = np.ndarray(
            (n, *row), np.uint8, self.blocks_memory, spares_at, (header.spare_stride, *steps)
        )
        self.all_records = np.ndarray(
            (2 * slots, n), record_dtype(), self.records_memory, 0, (header.records_slot_stride, sizeof(Record))
        )
        self.all_pixels = np.ndarray(
            (2 * slots, n, *row), np.uint8, self.pixels_memory, 0,
            (header.pixels_slot_stride, header.row_bytes, *steps),
        )
        return 0

    def __dealloc__(self):
        free(self.opened)

    def close(self):
        self.mapping = None
        if self.queues is not None:
            self.queues.close()
        self.all_records = self.all_pixels = self.all_controls = self.all_spares = None
        self.blocks_memory = self.records_memory = self.pixels_memory = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    cdef Mapping use(self):
        """The mapping, which whoever lets go of the GIL must hold on to."""
        if self.mapping is None:
            raise RingClosed("the ring was closed")
        if self.owner != getpid():
            raise RingClosed(f"the ring belongs to process {self.owner}; a fork of it cannot step")
        return self.mapping

    cdef View* row_use(self, int64_t step, int env) except NULL:
        """The view, for a row that can be."""
        cdef Mapping mapping = self.use()
        if not 0 <= env < self.num_envs:
            raise ValueError(f"environment {env}, expected 0 to {self.num_envs - 1}")
        if step < 0:
            raise ValueError(f"step is {step}, expected 0 or more")
        return &mapping.view

    def prefault(self):
        self.use()
        for memory in (self.records_memory, self.pixels_memory):
            memory.populate(0, len(memory))

    # Asking.

    def open_step(self, int64_t step, const int32_t[::1] envs=None):
        cdef int32_t i, env, count = self.num_envs if envs is None else <int32_t>envs.shape[0]
        cdef View* view = self.row_use(step, 0)
        cdef uint64_t old
        for i in range(count):
            env = i if envs is None else envs[i]
            if not 0 <= env < self.num_envs:
                raise ValueError(f"environment {env}, expected 0 to {self.num_envs - 1}")
            old = row_word(view, step, env)
            if old & 3 == CLAIMED:
                raise RowHeld(f"environment {env} still writes its row of step {old >> 2}, whose slot step {step} needs")
        for i in range(count):
            env = i if envs is None else envs[i]
            while True:
                # By exchange: a late worker may be claiming an old EMPTY row at this very moment.
                old = row_word(view, step, env)
                if old & 3 == CLAIMED:
                    raise RowHeld(f"environment {env} began its row of step {old >> 2}, whose slot step {step} needs")
                if compare_and_swap(&record_at(view, step, env).state, old, <uint64_t>step << 2 | <uint64_t>EMPTY):
                    break
            fetch_and(bitmap_at(view) + env // 64, ~(<uint64_t>1 << (env % 64)))
            self.opened[env] = max(self.opened[env], step)
        self.newest = max(self.newest, step)

    def put(self, int env, entries):
        self.use()
        return self.queues.put(env, entries)

    def send(self, step, steps, envs, events, event_envs):
        self.use()
        try:
            return self.queues.send(steps, envs, events, event_envs)
        except OSError as error:
            raise OSError(error.errno, f"step {step}: {error.strerror}") from error

    # Waiting.

    def wait(self, steps, int wanted, int64_t deadline_ns, *, bint on_wake=False):
        cdef Mapping mapping = self.use()
        cdef const int64_t[::1] asked
        cdef const int64_t* by_env = NULL
        cdef int64_t step = 0, until
        cdef uint32_t done, attention, expected = max(wanted, 0)
        cdef bint called
        if isinstance(steps, np.ndarray):
            asked = steps
            if asked.shape[0] != self.num_envs:
                raise ValueError(f"steps of {asked.shape[0]} environments, expected {self.num_envs}")
            by_env = &asked[0]
        else:
            step = steps
            self.row_use(step, 0)
        try:
            while True:
                until = min(deadline_ns, monotonic_ns() + SIGNALS_NS)
                with nogil:
                    done = rows_wait(&mapping.view, step, by_env, expected, until, self.attention, on_wake)
                attention = load_acquire32(&mapping.view.header.attention)
                called = on_wake and attention != self.attention
                if on_wake:
                    self.attention = attention
                if done >= expected or called or monotonic_ns() >= deadline_ns:
                    return done
                PyErr_CheckSignals()
        finally:
            rows_stop_waiting(&mapping.view)

    def row_states(self, int64_t step):
        cdef View* view = self.row_use(step, 0)
        states = np.empty(self.num_envs, dtype=np.uint8)
        cdef uint8_t[::1] found = states
        cdef uint64_t word
        cdef int env
        for env in range(self.num_envs):
            word = row_word(view, step, env)
            found[env] = word & 3 if word >> 2 == <uint64_t>step else ANOTHER_STEP
        return states

    # Giving up.

    def abandon(self, int64_t step, int env):
        cdef View* view = self.row_use(step, env)
        return bool(compare_and_swap(
            &record_at(view, step, env).state, <uint64_t>step << 2 | <uint64_t>EMPTY, <uint64_t>step << 2 | <uint64_t>ABANDONED
        ))

    def seize(self, int64_t step, int env):
        cdef View* view = self.row_use(step, env)
        cdef Record* record = record_at(view, step, env)
        cdef Control* control = control_at(view, env)
        # In this order: who had claimed it by now is dead if, after that, its process has ended or been replaced.
        if row_word(view, step, env) != (<uint64_t>step << 2 | <uint64_t>CLAIMED):
            return False
        if load_acquire32(&control.broker_alive) and load_acquire32(&control.generation) == self.queues.generations[env]:
            return False
        # What it shows is anyone's guess.
        record.frame = 0
        record.generation = 0
        store_release(&record.state, <uint64_t>step << 2 | <uint64_t>ABANDONED)
        return True

    cdef int64_t newest_done(self, const View* view, int64_t step, int env) noexcept nogil:
        """The environment's newest complete row before `step`, or -1."""
        cdef int64_t newest = -1, found
        cdef uint64_t word
        cdef int slot
        for slot in range(self.slots):
            word = row_word(view, slot, env)
            found = <int64_t>(word >> 2)
            if word & 3 == DONE and newest < found < step:
                newest = found
        return newest

    def fill_abandoned(
        self, int64_t step, int env, source_step=None, *, int64_t due_ns=0, int64_t action=0, uint32_t fault=0,
        bint truncated=False, resetting=None, uint8_t keep_flags=0,
    ):
        cdef Mapping mapping = self.use()
        cdef View* view = self.row_use(step, env)
        cdef Record* record = record_at(view, step, env)
        cdef Record* source
        cdef int64_t source_number
        if row_word(view, step, env) != (<uint64_t>step << 2 | <uint64_t>ABANDONED):
            raise ValueError(f"environment {env} did not have its row of step {step} abandoned")
        if source_step is None:
            source_number = self.newest_done(view, step, env)
        else:
            source_number = source_step
            if source_number < 0 or row_word(view, source_number, env) != (<uint64_t>source_number << 2 | <uint64_t>DONE):
                raise ValueError(f"environment {env} has no complete row of step {source_number}")
        with nogil:
            # All but the state, which stays in the trainer's hands until the end.
            memset(<uint8_t*>record + sizeof(uint64_t), 0, sizeof(Record) - sizeof(uint64_t))
            if source_number < 0:
                memset(pixels_at(view, step, env), 0, view.header.row_bytes)
            else:
                memcpy(pixels_at(view, step, env), pixels_at(view, source_number, env), view.header.row_bytes)
                source = record_at(view, source_number, env)
                # The copy shows what its source shows, so the worker's next visit converts no more than it has to.
                record.frame = source.frame
                record.generation = source.generation
                record.updates = source.updates
                record.episode = source.episode
                record.pixel_ns = source.pixel_ns
                record.server_ns = source.server_ns
                record.resetting = source.resetting
                record.flags = source.flags & keep_flags
            record.late = 1
            record.published_ns = monotonic_ns()
            record.due_ns = due_ns
            record.action = action
            record.fault = fault
            record.truncated = truncated
        if resetting is not None:
            record.resetting = bool(resetting)
        store_release(&record.state, <uint64_t>step << 2 | <uint64_t>DONE)

    # Viewing.

    def check(self, int64_t step, env=None):
        cdef int64_t newest = self.newest
        self.use()
        if env is not None:
            self.row_use(0, env)
            newest = self.opened[<int>env]
        if newest - step >= self.slots:
            raise SlotOverwritten(
                f"step {step} was overwritten: step {newest} was opened, and the ring holds {self.slots} steps"
            )

    cdef object first_slot(self, int64_t step, int64_t k):
        """Where in the mirrored arrays the `k` steps that end with `step` begin."""
        self.use()
        if not 1 <= k <= self.slots:
            raise ValueError(f"a window of {k} steps, the ring holds {self.slots}")
        if step - k + 1 < 0:
            raise ValueError(f"no {k} steps end with step {step}")
        return (step - k + 1) % self.slots

    def pixels(self, int64_t step):
        return self.all_pixels[self.first_slot(step, 1)]

    def window(self, int64_t step, int64_t k):
        first = self.first_slot(step, k)
        return self.all_pixels[first:first + k]

    def records(self, int64_t step):
        first = self.first_slot(step, 1)
        return self.all_records[first]

    def record_window(self, int64_t step, int64_t k):
        first = self.first_slot(step, k)
        return self.all_records[first:first + k]

    def controls(self):
        self.use()
        return self.all_controls

    def control(self, int env):
        self.row_use(0, env)
        return self.all_controls[env]

    def spare(self, int env):
        self.row_use(0, env)
        return self.all_spares[env]

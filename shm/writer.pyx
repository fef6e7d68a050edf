"""The worker's side of one environment for Python: tests, benchmarks, and bindings of other languages to read.

What workers do without the GIL in row.pxd, one call at a time. Needs no NumPy.
"""

import os

from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from posix.unistd cimport read

from shm.atomic cimport load_acquire, monotonic_ns
from shm.layout cimport Entry, Header, Record, View, control_at, pixels_at, record_at, spare_at
from shm.row cimport attention_raise, queue_peek, queue_take, row_arrive, row_claim, row_finish
from shm.view cimport Mapping

cdef extern from "poll.h" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    short POLLIN
    int poll(pollfd* fds, unsigned long n, int timeout_ms)


cdef class Writer:
    cdef Mapping mapping
    cdef readonly int env
    cdef object whole

    def __init__(self, int fd, int env):
        cdef Mapping mapping = Mapping(fd)
        if not 0 <= env < <int64_t>mapping.view.header.num_envs:
            raise ValueError(f"environment {env}, the segment has {mapping.view.header.num_envs}")
        self.env = env
        self.mapping = mapping
        self.whole = memoryview(mapping.memory)

    cdef object part(self, const void* start, size_t nbytes):
        cdef size_t offset = <const uint8_t*>start - self.mapping.view.base
        return self.whole[offset:offset + nbytes]

    def claim(self, uint64_t step):
        return bool(row_claim(&self.mapping.view, step, self.env))

    def pixels(self, uint64_t step):
        return self.part(pixels_at(&self.mapping.view, step, self.env), self.mapping.view.header.row_bytes)

    def record(self, uint64_t step):
        return self.part(record_at(&self.mapping.view, step, self.env), sizeof(Record))

    def spare(self):
        return self.part(spare_at(&self.mapping.view, self.env), self.mapping.view.header.row_bytes)

    def control(self):
        return self.part(control_at(&self.mapping.view, self.env), sizeof(control_at(NULL, 0)[0]))

    def finish(self, uint64_t step):
        row_finish(&self.mapping.view, step, self.env)

    def arrive(self):
        row_arrive(&self.mapping.view, self.env)

    def attention(self):
        attention_raise(&self.mapping.view)

    def peek(self):
        cdef Entry* entry = queue_peek(&self.mapping.view, self.env)
        return None if entry == NULL else (<const char*>entry)[:sizeof(Entry)]

    def take(self):
        if queue_peek(&self.mapping.view, self.env) == NULL:
            raise IndexError(f"the queue of environment {self.env} is empty")
        queue_take(&self.mapping.view, self.env)

    def serve(self, int doorbell, uint32_t step_kind, uint64_t count, size_t painted_bytes):
        cdef View* view = &self.mapping.view
        cdef uint64_t answered = 0, answers = 0
        cdef int error = 0
        painted_bytes = min(painted_bytes, view.header.row_bytes)
        while answered < count and not error:
            with nogil:
                answered += answer_queued(view, self.env, step_kind, painted_bytes, &answers)
                if answered < count:
                    error = doorbell_wait(doorbell)
            if error == EINTR:
                error = 0
            PyErr_CheckSignals()
        if error:
            raise OSError(error, f"doorbell {doorbell}: {os.strerror(error)}")
        return answers


cdef uint64_t answer_queued(
    const View* view, uint32_t env, uint32_t step_kind, size_t painted_bytes, uint64_t* answers,
) noexcept nogil:
    """Take all entries; returns how many were STEPs, and adds to `answers` how many of their rows could be claimed."""
    cdef Entry* entry = queue_peek(view, env)
    cdef Record* record
    cdef uint64_t steps = 0, step
    while entry != NULL:
        if entry.kind == step_kind:
            steps += 1
            step = entry.step
            if row_claim(view, step, env):
                record = record_at(view, step, env)
                memset(pixels_at(view, step, env), <int>(step & 0xFF), painted_bytes)
                memset(<uint8_t*>record + sizeof(uint64_t), 0, sizeof(Record) - sizeof(uint64_t))
                record.frame = step + 1
                record.due_ns = entry.due_ns
                record.action = entry.value
                record.generation = control_at(view, env).generation
                record.published_ns = monotonic_ns()
                row_finish(view, step, env)
                row_arrive(view, env)
                answers[0] += 1
        queue_take(view, env)
        entry = queue_peek(view, env)
    return steps


cdef int doorbell_wait(int doorbell) noexcept nogil:
    """Sleep until the doorbell was rung, and clear it; returns 0, or an errno."""
    cdef pollfd polled
    cdef uint64_t rung
    polled.fd = doorbell
    polled.events = POLLIN
    polled.revents = 0
    if poll(&polled, 1, -1) < 0:
        return errno
    if read(doorbell, &rung, sizeof(rung)) < 0:
        return errno
    return 0

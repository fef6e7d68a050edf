"""Entries into the queues of the environments, and the doorbells that say so."""

import os

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.unistd cimport write

from shm.atomic cimport full_barrier, load_acquire, load_acquire32, store_release
from shm.layout cimport Control, Entry, View, control_at, entry_at
from shm.view cimport Mapping

from shm.layout import entry_dtype

cdef enum:
    NOT_ADDRESSED = 0xFFFFFFFF
    GOOD = 0
    OUT_OF_RANGE = 1
    TWICE = 2
    NOT_STEPPED = 3


cdef uint64_t queue_room(const View* view, uint32_t env) noexcept nogil:
    cdef Control* control = control_at(view, env)
    cdef uint64_t used = control.head - load_acquire(&control.tail)
    return view.header.queue_entries - used if used <= view.header.queue_entries else 0


cdef class Queues:
    def __cinit__(self):
        self.doorbells = NULL
        self.counts = NULL
        self.generations = NULL

    def __init__(self, Mapping mapping not None, doorbells):
        cdef int env
        if self.mapping is not None:
            raise ValueError("queues are made once")
        self.num_envs = mapping.view.header.num_envs
        if len(doorbells) != self.num_envs:
            raise ValueError(f"{len(doorbells)} doorbells, the segment has {self.num_envs} environments")
        self.doorbells = <int*>calloc(self.num_envs, sizeof(int))
        self.counts = <uint32_t*>calloc(self.num_envs, sizeof(uint32_t))
        self.generations = <uint32_t*>calloc(self.num_envs, sizeof(uint32_t))
        if not (self.doorbells and self.counts and self.generations):
            raise MemoryError
        for env in range(self.num_envs):
            self.doorbells[env] = -1
            self.generations[env] = load_acquire32(&control_at(&mapping.view, env).generation)
        # Duplicates: writing to a number that the caller closed could write into another file.
        for env in range(self.num_envs):
            self.doorbells[env] = os.dup(doorbells[env])
        self.dtype = entry_dtype()
        self.mapping = mapping

    def __dealloc__(self):
        self.close()
        free(self.doorbells)
        free(self.counts)
        free(self.generations)

    def close(self):
        cdef int env
        self.mapping = None
        if self.doorbells != NULL:
            for env in range(self.num_envs):
                if self.doorbells[env] >= 0:
                    os.close(self.doorbells[env])
                    self.doorbells[env] = -1

    cdef const Entry* entries_get(self, object entries, Py_buffer* buffer) except NULL:
        """Hold an array of entries; the caller releases `buffer`."""
        if entries.dtype is not self.dtype and entries.dtype != self.dtype:
            raise ValueError(f"entries have dtype {entries.dtype}, expected shm.layout.ENTRY_DTYPE")
        if entries.ndim != 1:
            raise ValueError(f"entries have {entries.ndim} dimensions, expected 1")
        PyObject_GetBuffer(entries, buffer, PyBUF_SIMPLE)
        return <const Entry*>buffer.buf

    cdef int publish(self, const View* view, int env, uint64_t head) noexcept nogil:
        """Show the entries before `head` to the worker and ring; returns 0, or the errno of the doorbell."""
        cdef uint64_t one = 1
        store_release(&control_at(view, env).head, head)
        # A new worker is announced before its queue is emptied. So one that takes these entries is seen here, and one
        # that is not seen here never takes them: `Ring.seize` builds on it.
        full_barrier()
        self.generations[env] = load_acquire32(&control_at(view, env).generation)
        while write(self.doorbells[env], &one, sizeof(one)) < 0:
            if errno == EAGAIN:
                break
            if errno != EINTR:
                return errno
        return 0

    def put(self, int env, entries):
        cdef View* view = &self.mapping.view
        cdef Py_buffer buffer
        cdef const Entry* source
        cdef uint64_t head, i, count
        cdef int error = 0
        if not 0 <= env < self.num_envs:
            raise ValueError(f"environment {env}, expected 0 to {self.num_envs - 1}")
        source = self.entries_get(entries, &buffer)
        head = control_at(view, env).head
        count = min(queue_room(view, env), <uint64_t>buffer.len // sizeof(Entry))
        for i in range(count):
            entry_at(view, env, head + i)[0] = source[i]
        if count:
            error = self.publish(view, env, head + count)
        PyBuffer_Release(&buffer)
        if error:
            raise OSError(error, f"cannot ring environment {env}: {os.strerror(error)}")
        return count

    def send(self, steps, const int32_t[::1] envs, events, const int32_t[::1] event_envs):
        cdef Mapping mapping = self.mapping
        cdef Py_buffer steps_buffer, events_buffer
        cdef const Entry* step_entries
        cdef const Entry* event_entries
        cdef int64_t k = len(envs), m = len(event_envs)
        cdef Refusal refusal
        cdef int error = 0
        if len(steps) != k or len(events) != m:
            raise ValueError(f"{len(steps)} steps for {k} environments, {len(events)} events for {m} environments")
        dropped = np.zeros(k, dtype=np.bool_)
        cdef uint8_t[::1] flags = dropped.view(np.uint8)
        step_entries = self.entries_get(steps, &steps_buffer)
        try:
            event_entries = self.entries_get(events, &events_buffer)
            with nogil:
                refusal = self.count(envs, event_envs)
                if refusal.kind == GOOD:
                    error = self.add(&mapping.view, step_entries, envs, event_entries, event_envs, flags)
            PyBuffer_Release(&events_buffer)
        finally:
            PyBuffer_Release(&steps_buffer)
        if refusal.kind == OUT_OF_RANGE:
            raise ValueError(f"environment {refusal.env}, expected 0 to {self.num_envs - 1}")
        if refusal.kind == TWICE:
            raise ValueError(f"environment {refusal.env} is stepped twice")
        if refusal.kind == NOT_STEPPED:
            raise ValueError(f"an event is for environment {refusal.env}, which is not stepped")
        if error:
            raise OSError(error, f"cannot ring a doorbell: {os.strerror(error)}")
        return dropped

    cdef Refusal count(self, const int32_t[::1] envs, const int32_t[::1] event_envs) noexcept nogil:
        """How many entries each environment gets, into `counts`."""
        cdef Refusal refusal
        cdef Py_ssize_t i
        refusal.env = 0
        memset(self.counts, 0xFF, self.num_envs * sizeof(uint32_t))
        for i in range(envs.shape[0]):
            refusal.env = envs[i]
            if not 0 <= envs[i] < self.num_envs:
                refusal.kind = OUT_OF_RANGE
                return refusal
            if self.counts[envs[i]] != <uint32_t>NOT_ADDRESSED:
                refusal.kind = TWICE
                return refusal
            self.counts[envs[i]] = 1
        for i in range(event_envs.shape[0]):
            refusal.env = event_envs[i]
            if not 0 <= event_envs[i] < self.num_envs:
                refusal.kind = OUT_OF_RANGE
                return refusal
            if self.counts[event_envs[i]] == <uint32_t>NOT_ADDRESSED:
                refusal.kind = NOT_STEPPED
                return refusal
            self.counts[event_envs[i]] += 1
        refusal.kind = GOOD
        return refusal

    cdef int add(
        self, const View* view, const Entry* steps, const int32_t[::1] envs, const Entry* events,
        const int32_t[::1] event_envs, uint8_t[::1] dropped,
    ) noexcept nogil:
        """Events first, in their order, then each environment's STEP, head and doorbell; all or nothing for each."""
        cdef Py_ssize_t i
        cdef int32_t env
        cdef uint64_t head
        cdef int error, first_error = 0
        for i in range(envs.shape[0]):
            env = envs[i]
            dropped[i] = self.counts[env] > queue_room(view, env)
            # From here on: how many entries were written, or NOT_ADDRESSED for who gets none.
            self.counts[env] = <uint32_t>NOT_ADDRESSED if dropped[i] else 0
        for i in range(event_envs.shape[0]):
            env = event_envs[i]
            if self.counts[env] != <uint32_t>NOT_ADDRESSED:
                entry_at(view, env, control_at(view, env).head + self.counts[env])[0] = events[i]
                self.counts[env] += 1
        for i in range(envs.shape[0]):
            env = envs[i]
            if not dropped[i]:
                head = control_at(view, env).head + self.counts[env]
                entry_at(view, env, head)[0] = steps[i]
                error = self.publish(view, env, head + 1)
                if error and not first_error:
                    first_error = error
        return first_error

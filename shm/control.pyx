"""The broker's side of the control blocks: which worker lives, and telling the trainer.

Written here and nowhere else: `generation`, `pid`, `broker_alive`, `broker_fault`, and `tail` while no worker lives.
"""

from typing import NamedTuple

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from shm.atomic cimport full_barrier, load_acquire, load_acquire32, monotonic_ns, store_release, store_release32
from shm.layout cimport Control, View, control_at
from shm.row cimport attention_raise
from shm.view cimport Mapping

from shm.errors import RingClosed


class ControlState(NamedTuple):
    generation: int
    pid: int
    broker_alive: bool
    broker_fault: int
    heartbeat_ns: int
    phase: int
    fault: int
    episode: int
    phase_since_ns: int
    updates: int
    update_bytes: int
    rectangles: int
    late_ticks: int
    queued: int


cdef class ControlPlane:
    cdef Mapping mapping
    cdef readonly int num_envs

    def __init__(self, int segment_fd):
        cdef Mapping mapping = Mapping(segment_fd)
        self.num_envs = mapping.view.header.num_envs
        self.mapping = mapping

    def close(self):
        self.mapping = None

    cdef Control* block(self, int env) except NULL:
        if self.mapping is None:
            raise RingClosed("the control plane was closed")
        if not 0 <= env < self.num_envs:
            raise ValueError(f"environment {env}, expected 0 to {self.num_envs - 1}")
        return control_at(&self.mapping.view, env)

    def begin(self, int env):
        cdef Control* control = self.block(env)
        cdef int64_t episode = control.episode
        cdef uint32_t generation = control.generation + 1
        assert not control.broker_alive, f"the worker of environment {env} has not ended"
        # Where the worker's line begins is where `heartbeat_ns` is.
        memset(&control.heartbeat_ns, 0, 64)
        # The next worker counts on from here, so that a later episode has a greater number.
        control.episode = episode
        control.heartbeat_ns = monotonic_ns()
        control.pid = 0
        control.broker_fault = 0
        store_release32(&control.broker_alive, 1)
        store_release32(&control.generation, generation)
        # The trainer puts entries, then looks at the generation: it sees this one, or its entries are dropped below.
        full_barrier()
        store_release(&control.tail, load_acquire(&control.head))
        attention_raise(&self.mapping.view)
        return generation

    def set_pid(self, int env, uint32_t pid):
        store_release32(&self.block(env).pid, pid)

    def ended(self, int env, uint32_t fault):
        cdef Control* control = self.block(env)
        store_release32(&control.broker_fault, fault)
        store_release32(&control.broker_alive, 0)
        attention_raise(&self.mapping.view)

    def wake(self):
        self.block(0)
        attention_raise(&self.mapping.view)

    def state(self, int env):
        cdef Control* control = self.block(env)
        return ControlState(
            load_acquire32(&control.generation), control.pid, bool(load_acquire32(&control.broker_alive)),
            control.broker_fault, control.heartbeat_ns, control.phase, control.fault, control.episode,
            control.phase_since_ns, control.updates, control.update_bytes, control.rectangles, control.late_ticks,
            load_acquire(&control.head) - load_acquire(&control.tail),
        )

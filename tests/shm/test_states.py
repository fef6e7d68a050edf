"""Rows under any order of moves: one writer each, and what was returned never changes."""

import os
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shm.doorbell import doorbell
from shm.errors import RowHeld
from shm.layout import RowState
from shm.ring import Ring
from shm.segment import Segment
from shm.writer import Writer

SLOTS = 3
ENVS = 2


class Rows(RuleBasedStateMachine):
    """A trainer with two workers that are slow, stop, die and start again at any point.

    A worker is a Writer with at most one claim; its bytes are a number that is never used twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.segment = Segment.create(ENVS, 2, 3, 1, SLOTS, 4)
        self.bells = [doorbell() for _ in range(ENVS)]
        self.ring = Ring(self.segment.fd, self.bells)
        self.writers = [Writer(self.segment.fd, env) for env in range(ENVS)]
        self.claims: dict[int, int] = {}
        self.step = 0
        self.paint = 0
        self.returned: dict[tuple[int, int], np.ndarray[Any, Any]] = {}

    def teardown(self) -> None:
        self.ring.close()
        self.segment.close()
        for bell in self.bells:
            os.close(bell)

    def state(self, step: int, env: int) -> int:
        return int(self.ring.row_states(step)[env])

    @rule()
    def open(self) -> None:
        """The next step; refused exactly where a claim of an older step holds the slot."""
        held = {claim % SLOTS for claim in self.claims.values()}
        try:
            self.ring.open_step(self.step + 1)
        except RowHeld:
            assert (self.step + 1) % SLOTS in held
            # What the refused call opened is a part of the next step already.
            self.forget(self.step + 1 - SLOTS)
            return
        assert (self.step + 1) % SLOTS not in held
        self.step += 1
        self.forget(self.step - SLOTS)

    def forget(self, step: int) -> None:
        for env in range(ENVS):
            self.returned.pop((step, env), None)

    @precondition(lambda self: self.step)
    @rule(env=st.integers(0, ENVS - 1), back=st.integers(0, SLOTS + 1))
    def claim(self, env: int, back: int) -> None:
        step = max(1, self.step - back)
        if env in self.claims:
            return
        before = self.state(step, env)
        claimed = self.writers[env].claim(step)
        assert claimed == (before == RowState.EMPTY)
        if claimed:
            self.claims[env] = step

    @rule(env=st.integers(0, ENVS - 1), part=st.integers(1, 6))
    def write(self, env: int, part: int) -> None:
        if env in self.claims:
            self.paint = self.paint % 255 + 1
            self.writers[env].pixels(self.claims[env])[:part] = bytes([self.paint]) * part

    @rule(env=st.integers(0, ENVS - 1))
    def finish(self, env: int) -> None:
        if env in self.claims:
            step = self.claims.pop(env)
            self.writers[env].finish(step)
            self.writers[env].arrive()
            assert self.state(step, env) == RowState.DONE

    @precondition(lambda self: self.step)
    @rule(env=st.integers(0, ENVS - 1))
    def deadline(self, env: int) -> None:
        """Give up the newest row, by killing its writer if it has one."""
        before = self.state(self.step, env)
        if self.ring.abandon(self.step, env):
            assert before == RowState.EMPTY
        elif before == RowState.CLAIMED:
            assert self.claims.pop(env) == self.step
            assert self.ring.seize(self.step, env)
        if before in (RowState.EMPTY, RowState.CLAIMED):
            self.ring.fill_abandoned(self.step, env)
            assert self.ring.records(self.step)["late"][env] == 1

    @precondition(lambda self: self.step)
    @rule()
    def receive(self) -> None:
        states = self.ring.row_states(self.step)
        for env in range(ENVS):
            if states[env] == RowState.DONE:
                self.returned[self.step, env] = self.ring.pixels(self.step)[env].copy()
        assert self.ring.wait(self.step, 0, 0) == int((states == RowState.DONE).sum())

    @rule(env=st.integers(0, ENVS - 1))
    def die(self, env: int) -> None:
        """Killed with a row in hand: nobody but the trainer touches it from here on."""
        step = self.claims.pop(env, None)
        if step is not None:
            assert self.ring.seize(step, env)
            self.ring.fill_abandoned(step, env)

    @invariant()
    def nothing_that_was_returned_changes(self) -> None:
        for (step, env), pixels in self.returned.items():
            assert (self.ring.pixels(step)[env] == pixels).all()


TestRows = Rows.TestCase
TestRows.settings = settings(deadline=None, max_examples=40, stateful_step_count=40)

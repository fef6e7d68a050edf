"""What the trainer asked its environments for and has not seen answered yet."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.layout import ENTRY_DTYPE
from shm.ring import Ring

NOT_ASKED = -1
NO_ROW = 255
"""The state of a row that nobody asked for."""


class Asked:
    """One row at most is under way for each environment.

    Attributes:
        step: The newest step asked for, from 1; 0 before the first.
        steps: int64 (num_envs,): the step that each environment is asked for, -1 for none.
        newest: int64 (num_envs,): the step that each environment answered last, 0 before the first.
        pending: For how many environments a step is under way.
        whole: The step that all environments are asked for together; None where they differ.
        entries: `ENTRY_DTYPE` (num_envs,): the STEP or HOLD of each; a new worker gets it again.
        late_ns: int64 (num_envs,): from when on a row of a running episode is late.
        away_ns: int64 (num_envs,): until when a row between episodes is awaited.
        look_ns: When to look after the newest step for the first time.
        generation: uint32 (num_envs,): the worker that was asked.
        held: Who only repeats its picture, as a reset leaves it out.
        resets: Who is being reset, and what it is told.
        lost: Environments lost while a row of the next episode is awaited, with the `Fault`.
        finals: The last frames of those.
    """

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.step = 0
        self.steps = np.full(num_envs, NOT_ASKED, dtype=np.int64)
        self.newest = np.zeros(num_envs, dtype=np.int64)
        self.pending = 0
        self.whole: int | None = None
        self.entries = np.zeros(num_envs, dtype=ENTRY_DTYPE)
        self.late_ns = np.zeros(num_envs, dtype=np.int64)
        self.away_ns = np.zeros(num_envs, dtype=np.int64)
        self.look_ns = 0
        self.generation = np.zeros(num_envs, dtype=np.uint32)
        self.held: frozenset[int] = frozenset()
        self.resets: Mapping[int, Mapping[str, Any]] = {}
        self.lost: dict[int, int] = {}
        self.finals: dict[int, NDArray[np.uint8]] = {}

    def begin(self, step: int, envs: NDArray[np.int32] | None, late_ns: int, away_ns: int) -> None:
        """Note that `envs` (None: all) are asked for `step`."""
        self.step = step
        self.look_ns = min(late_ns, away_ns)
        if envs is None:
            self.whole = step
            self.pending = self.num_envs
            self.steps.fill(step)
            self.late_ns.fill(late_ns)
            self.away_ns.fill(away_ns)
        else:
            self.whole = None
            self.pending += len(envs)
            self.steps[envs] = step
            self.late_ns[envs] = late_ns
            self.away_ns[envs] = away_ns

    def collect(self, envs: NDArray[np.int32] | None) -> None:
        """Note that the rows of `envs` (None: all) were taken, and what was lost reported."""
        if envs is None:
            self.newest[:] = self.steps
            self.steps.fill(NOT_ASKED)
            self.pending = 0
        else:
            self.newest[envs] = self.steps[envs]
            self.steps[envs] = NOT_ASKED
            self.pending -= len(envs)
        self.whole = None
        if self.lost:
            for env in range(self.num_envs) if envs is None else envs.tolist():
                self.lost.pop(env, None)
                self.finals.pop(env, None)

    def drop(self) -> None:
        """Give up what is under way without having looked at it."""
        self.steps.fill(NOT_ASKED)
        self.pending = 0
        self.whole = None
        self.resets = {}
        self.lost.clear()
        self.finals.clear()

    def states(self, ring: Ring) -> NDArray[np.uint8]:
        """Each environment's `RowState`, `NO_ROW` where nothing is asked."""
        if self.whole is not None:
            return ring.row_states(self.whole)
        states = np.full(self.num_envs, NO_ROW, dtype=np.uint8)
        for step in np.unique(self.steps[self.steps >= 0]).tolist():
            these = self.steps == step
            states[these] = ring.row_states(step)[these]
        return states

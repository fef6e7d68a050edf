"""One step's results: views of the ring where they live there, small fresh arrays elsewhere."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver.rows import Rows
from shm.errors import ShmError


@dataclasses.dataclass(slots=True, eq=False)
class Batch:
    """What `recv` returns.

    Attributes:
        observations: uint8 (k, height, width, 3), RGB, or (k, height, width), grey, read-only.
            Shared with the workers: valid for `slots - 1` further steps. With
            `recv(min_envs=...)` a copy.
        rewards: float64 (k,).
        terminated: bool (k,).
        truncated: bool (k,).
        infos: Gymnasium's dict of arrays, always of all environments.
        step: The number of the step, from 1; with `recv(min_envs=...)` the newest.
        records: The numbers beside the rows (k,), structured as `shm.layout.RECORD_DTYPE`,
            read-only, as long-lived as `observations`.
        envs: intp (k,): which environments the rows are of.
    """

    observations: NDArray[np.uint8]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: dict[str, Any]
    step: int
    records: NDArray[np.void]
    envs: NDArray[np.intp]
    _rows: Rows | None = None

    def is_valid(self) -> bool:
        """Whether the observations still show this step."""
        try:
            self.check()
        except ShmError:
            return False
        return True

    def check(self) -> None:
        """Make sure that the observations still show this step.

        Raises:
            SlotOverwritten: `slots` further steps were sent; the frames are gone.
            RingClosed: the environment was closed; the memory is still there, unchanged.
        """
        if self._rows is not None:
            self._rows.check(self.step, "batch")

    def copy(self) -> "Batch":
        """A batch with memory of its own.

        Raises:
            SlotOverwritten: it is too late.
        """
        self.check()
        twin = dataclasses.replace(
            self,
            observations=self.observations.copy(),
            records=self.records.copy(),
            _rows=None,
        )
        self.check()
        return twin

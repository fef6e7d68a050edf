"""One step's results: views of the ring where they live there, small fresh arrays elsewhere."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.errors import SlotOverwritten


def _always(step: int) -> bool:
    return True


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
    _alive: Callable[[int], bool] = _always

    def is_valid(self) -> bool:
        """Whether the observations still show this step."""
        return self._alive(self.step)

    def check(self) -> None:
        """Make sure that the observations still show this step.

        Raises:
            SlotOverwritten: `slots` further steps were sent; the frames are gone.
        """
        if not self.is_valid():
            raise SlotOverwritten(
                f"the frames of step {self.step} were overwritten: copy a batch that has to "
                "live longer, or make the environment with more slots"
            )

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
            _alive=_always,
        )
        self.check()
        return twin

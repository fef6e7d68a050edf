"""Entries into the queues of the environments; `shm.ring.Ring` is what trainers use."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from shm.view import Mapping

@final
class Queues:
    num_envs: int

    def __init__(self, mapping: Mapping, doorbells: Sequence[int]) -> None: ...
    def close(self) -> None:
        """Close the duplicates of the doorbells."""

    def put(self, env: int, entries: NDArray[Any]) -> int:
        """See `Ring.put`."""

    def send(
        self,
        steps: NDArray[Any],
        envs: NDArray[np.int32],
        events: NDArray[Any],
        event_envs: NDArray[np.int32],
    ) -> NDArray[np.bool_]:
        """See `Ring.send`."""

"""Steps in which nothing happened but a reward."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from shm.ring import Ring

@final
class PlainSteps:
    """Looks at all environments of a ring at once.

    Args:
        ring: Whose rows they are.
        generations: (num_envs,), contiguous, read at each step: the workers that answered before.
        reported: (num_envs,), read: episodes whose loss was reported.
        rewards: (num_envs,), written.
        episodes: (num_envs,), written.
        unusual_flags: A row that has one of these `flags` is not plain.
    """

    def __init__(
        self,
        ring: Ring,
        generations: NDArray[np.uint32],
        reported: NDArray[np.int64],
        rewards: NDArray[np.float64],
        episodes: NDArray[np.int64],
        unusual_flags: int,
    ) -> None: ...
    def workers_stayed(self) -> bool:
        """Whether each environment has the worker that answered before, and it lives."""

    def read(self, step: int) -> bool:
        """Take the rewards and episodes of a step that all answered and nothing else happened in.

        Returns:
            False, and nothing is written, where a row is not DONE, ends an episode, is late,
            resetting or of a fault, has an info or one of the flags, or is another worker's or of
            an episode of `reported`.
        """

"""The trainer's side of a segment; one thread at a time calls it."""

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

@final
class Ring:
    """Ask for steps, wait for their rows, give up rows, view them.

    A step is: `open_step`, `send`, `wait`; then for each row that is still EMPTY `abandon` and
    `fill_abandoned`, for each still CLAIMED have its process ended, `seize` and `fill_abandoned`.

    All arrays are read-only views of the segment. What they show lives until `slots` further steps
    were opened; the memory itself lives as long as any array.

    Args:
        segment_fd: the segment; only used while this runs.
        doorbells: one eventfd an environment; duplicated, the caller keeps its own.

    Raises:
        LayoutMismatch: no segment of this layout.
        SegmentError: it cannot be mapped.
        ValueError: another number of doorbells than of environments.

    Every method raises RingClosed after `close` and in a fork, ValueError for an environment or a
    step that cannot be.
    """

    num_envs: int
    slots: int
    queue_entries: int
    """How many entries an environment's queue holds."""

    def __init__(self, segment_fd: int, doorbells: Sequence[int]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...
    def prefault(self) -> None:
        """Enter the pages of records and pixels into this process's tables now."""

    def open_step(self, step: int, envs: NDArray[np.int32] | None = None) -> None:
        """Mark the rows of `step` (all, or those of `envs`) as asked for. Comes before `send`.

        Raises:
            RowHeld: the slot's row of an earlier step is still being written; rows of other
                environments may be open already, and opening them again does no harm.
        """

    def put(self, env: int, entries: NDArray[Any]) -> int:
        """Append entries (`ENTRY_DTYPE`, contiguous) to a queue, ring; returns how many fitted."""

    def send(
        self,
        step: int,
        steps: NDArray[Any],
        envs: NDArray[np.int32],
        events: NDArray[Any],
        event_envs: NDArray[np.int32],
    ) -> NDArray[np.bool_]:
        """Give each environment its events in their order, then its STEP entry; ring its doorbell.

        Args:
            step: number of the batch, for messages; what the workers see is in the entries.
            steps: `ENTRY_DTYPE` (k,), the last entry of each environment.
            envs: int32 (k,), whose; each at most once.
            events: `ENTRY_DTYPE` (m,).
            event_envs: int32 (m,), whose; all of them in `envs`.

        Returns:
            bool (k,): the queue had no room for all of it, and this environment got nothing.

        Raises:
            OSError: a doorbell cannot be rung; the entries are in the queues.
        """

    def wait(
        self,
        steps: int | NDArray[np.int64],
        wanted: int,
        deadline_ns: int,
        *,
        on_wake: bool = False,
    ) -> int:
        """Sleep until `wanted` rows are DONE; signal handlers run meanwhile, and may raise.

        Args:
            steps: the step, of all environments; or int64 (num_envs,), -1 for who is not asked.
            wanted: how many.
            deadline_ns: on CLOCK_MONOTONIC; the past only looks.
            on_wake: return also when `ControlPlane` announced something since the last wait that
                was told to, so that the caller can look at `controls`.

        Returns:
            How many are done now.
        """

    def row_states(self, step: int) -> NDArray[np.uint8]:
        """A copy (num_envs,): each row's `RowState` of exactly this step, 255 for another step."""

    def abandon(self, step: int, env: int) -> bool:
        """Take an EMPTY row back: its worker can no longer claim it. False: not EMPTY any more."""

    def seize(self, step: int, env: int) -> bool:
        """Take a row back from a dead worker: it is CLAIMED, and the control block says that the
        process that can have claimed it has ended. False: nothing was done.

        Comes before anything more is put into the queue of this environment: what its next worker
        is sent, that worker may be writing.
        """

    def fill_abandoned(
        self,
        step: int,
        env: int,
        source_step: int | None = None,
        *,
        due_ns: int = 0,
        action: int = 0,
        fault: int = 0,
        truncated: bool = False,
        resetting: bool | None = None,
        keep_flags: int = 0,
    ) -> None:
        """Complete an abandoned row with a copy: pixels, episode, pixels' time stamps; late = 1.

        Reward, `terminated` and infos are zero. The row is DONE afterwards.

        Args:
            step: of the row.
            env: of the row.
            source_step: of the row to copy; None: the newest complete one, black if there is none.
            due_ns: for the record.
            action: for the record.
            fault: for the record.
            truncated: for the record.
            resetting: for the record; None: as in the source.
            keep_flags: which of the source's flags hold for the copy, as a mask.

        Raises:
            ValueError: the row is not ABANDONED, or the source is not complete.
        """

    def check(self, step: int, env: int | None = None) -> None:
        """Make sure that views of `step` still show it.

        Raises:
            SlotOverwritten: `slots` further steps were opened (of `env`, if given).
        """

    def pixels(self, step: int) -> NDArray[np.uint8]:
        """(num_envs, height, width, channels)."""

    def window(self, step: int, k: int) -> NDArray[np.uint8]:
        """(k, num_envs, height, width, channels): the `k` steps that end with `step`, oldest first.

        Contiguous when a slot's pixels are whole pages; `k` is at most `slots`.
        """

    def records(self, step: int) -> NDArray[Any]:
        """`RECORD_DTYPE` (num_envs,)."""

    def record_window(self, step: int, k: int) -> NDArray[Any]:
        """`RECORD_DTYPE` (k, num_envs), as `window`."""

    def controls(self) -> NDArray[Any]:
        """`CONTROL_DTYPE` (num_envs,), live."""

    def control(self, env: int) -> Any:
        """One of `controls`, live."""

    def spare(self, env: int) -> NDArray[np.uint8]:
        """(height, width, channels): the environment's final observation."""

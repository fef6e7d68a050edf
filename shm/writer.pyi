"""The worker's side of one environment for Python: tests, benchmarks, bindings to learn from."""

from typing import final

@final
class Writer:
    """A row's life: `claim`, write `pixels` and `record`, `finish`, `arrive`. One thread only.

    Raises:
        LayoutMismatch: no segment of this layout.
        SegmentError: it cannot be mapped.
        ValueError: the segment has no such environment.
    """

    env: int

    def __init__(self, fd: int, env: int) -> None: ...
    def claim(self, step: int) -> bool:
        """Take the row; False: nobody asked for it, or it was given up, or it is done."""

    def pixels(self, step: int) -> memoryview:
        """The row's pixels, writable; touch them only between `claim` and `finish`."""

    def record(self, step: int) -> memoryview:
        """The row's `RECORD_DTYPE`, writable but for its `state`."""

    def spare(self) -> memoryview:
        """The final observation, writable."""

    def control(self) -> memoryview:
        """The `CONTROL_DTYPE`; `heartbeat_ns` to `late_ticks` are the worker's to write."""

    def finish(self, step: int) -> None:
        """Publish the row."""

    def arrive(self) -> None:
        """Set the arrival bit, and wake the trainer if enough have arrived."""

    def attention(self) -> None:
        """Let a trainer that waits with `on_wake` look at the control blocks."""

    def peek(self) -> bytes | None:
        """A copy of the oldest queue entry (`ENTRY_DTYPE`), or None."""

    def take(self) -> None:
        """Remove the oldest entry.

        Raises:
            IndexError: there is none.
        """

    def serve(self, doorbell: int, step_kind: int, count: int, painted_bytes: int) -> int:
        """Answer `count` STEP entries at C speed, painting rows with `step & 255`.

        Args:
            doorbell: the environment's eventfd.
            step_kind: the `kind` of entries to answer; others are skipped.
            count: how many to take.
            painted_bytes: how much of a row to write.

        Returns:
            How many rows were still to be had.

        Raises:
            OSError: the doorbell cannot be read.
        """

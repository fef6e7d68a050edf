"""The broker's side of the control blocks: which worker lives, and telling the trainer."""

from typing import NamedTuple, final

class ControlState(NamedTuple):
    """A copy of one environment's control block; what the numbers mean is the workers' to say."""

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
    """Entries that the worker has not taken."""

@final
class ControlPlane:
    """Announce the beginning and the end of workers in a segment.

    For each worker: `begin`, spawn, `set_pid`; its end is waited for; `ended`. The order lets
    a trainer tell a row that a dead process claimed from one that a living process is writing.

    Raises:
        LayoutMismatch: no segment of this layout.
        SegmentError: it cannot be mapped.

    Every method raises RingClosed after `close`, ValueError for an environment that cannot be.
    """

    num_envs: int

    def __init__(self, segment_fd: int) -> None: ...
    def close(self) -> None: ...
    def begin(self, env: int) -> int:
        """Announce a new worker before it is spawned: clear the old numbers, drop what is queued.

        Returns:
            Its generation, from 1.
        """

    def set_pid(self, env: int, pid: int) -> None: ...
    def ended(self, env: int, fault: int) -> None:
        """Announce that the worker's process ended and was waited for (or could not be spawned)."""

    def wake(self) -> None:
        """Let a trainer that waits with `on_wake` look at the control blocks."""

    def state(self, env: int) -> ControlState: ...

"""The hot thread of a worker; the C face is hot.pxd."""

from typing import Self

from shm.view import Mapping
from workers.messages import WorkerConfig
from workers.source import ScreenSource
from workers.stepper import Stepper

PATIENCE_NS: int

class HotLoop(Stepper):
    """The steps of one environment.

    Args:
        mapping: this worker's mapping of the session's segment.
        env: number of the environment.
        doorbell: eventfd that the trainer writes after it queued something.
        config: what the broker said.
    """

    def __new__(cls, mapping: Mapping, env: int, doorbell: int, config: WorkerConfig) -> Self: ...
    @property
    def screen(self) -> tuple[int, int]:
        """Width and height of the session's screen."""
    @property
    def last_episode(self) -> int:
        """The number that the remote's episodes must exceed."""
    def post(self, kind: int, number: int = 0, episode: int = -1) -> bool:
        """Post a letter to the hot thread; False when its mailbox is full."""
    def post_reward(
        self,
        kind: int,
        number: int,
        episode: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        remote_ns: int,
        info: bytes,
        info_number: int,
        info_replaces: int = 0,
    ) -> bool:
        """Post a letter with a reward; False when the mailbox is full.

        Args:
            number: the environment step that it answers in step clock, else 0.
            remote_ns: the remote's wall clock, in nanoseconds, when it sent the reward.
            info: one msgpack map, or nothing.
            info_number: greater with each info; INFO_PUBLISHED says it when a row could not hold
                what arrived.
            info_replaces: the number of the info before it, when this one has all of its keys.
        """
    def watch_rewarder(self, descriptor: int, patience_ns: int = ...) -> None:
        """Say where rewards come from; -1, before the socket is closed: nowhere.

        Args:
            patience_ns: how long a row that is due waits for what has arrived there.
        """
    def reads_rewarder(self, reads: bool) -> None:
        """Say whether messages were taken from that socket and not posted yet."""
    def switch(self, source: ScreenSource) -> bool:
        """Make the loop use another source."""
    def letters(self) -> list[tuple[int, int, int]]:
        """Take what the hot thread posted: (kind, number, episode) each."""
    def run(self, source: ScreenSource) -> None:
        """Serve steps until STOP; the body of the hot thread."""

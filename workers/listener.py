"""What a rewarder's client tells its worker."""

from collections.abc import Mapping
from typing import Any

from workers.clock import ClockOffset


class Listener:
    """What a `Rewarder` tells; all in the event loop's thread and in the order of arrival."""

    def ready(self) -> None:
        """The remote let us in: it said something."""

    def reward(
        self,
        step: int,
        episode: int,
        reward: float,
        terminated: bool,
        truncated: bool,
        remote_ns: int,
        info: Mapping[str, Any],
    ) -> None:
        """A reward, or with 0 an info, arrived."""

    def episode(self, reset_id: int, episode: int, running: bool) -> None:
        """The remote resets or runs.

        Args:
            reset_id: 0 when it did so by itself, else that of the `reset` it answers.
        """

    def clock(self, offset: ClockOffset) -> None:
        """The clocks were compared."""

    def socket(self, descriptor: int) -> None:
        """Rewards come through this descriptor; -1: it is about to be closed."""

    def reads(self, reads: bool) -> None:
        """Something was taken from the socket; False when it has been handled."""

"""Which call of a vector environment may come now, and what to call instead of one that may not.

An environment is reset, then each step is sent and received; it belongs to the process that made
it. A call that an exception left before it returned is *interrupted*: a reset of all drops its
step.
"""

import os
from collections.abc import Sequence

from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)

from envserver.asked import Asked
from envserver.episodes import Episodes
from envserver.errors import ForkedSession
from envserver.resets import listed


class Order:
    """What was called so far.

    Args:
        asked: What is under way.
        episodes: What runs, and what has ended.

    Attributes:
        began: Whether the last reset finished; None before the first.
        interrupted: What is under way was left by an exception.
    """

    def __init__(self, asked: Asked, episodes: Episodes) -> None:
        self.began: bool | None = None
        self.interrupted = False
        self._asked = asked
        self._episodes = episodes
        self._pid = os.getpid()

    @property
    def forked(self) -> bool:
        """This is another process than the one that made the environment."""
        return os.getpid() != self._pid

    def check_open(self, closed: bool) -> None:
        """Any call: the environment is this process's, and not `closed`."""
        if self.forked:
            raise ForkedSession(
                f"the environment belongs to process {self._pid}: make one in this process"
            )
        if closed:
            raise ClosedEnvironmentError("the environment is closed: make another")

    def check_began(self, call: str) -> None:
        """`call` looks at episodes: there was a reset."""
        if self.began is None:
            raise ResetNeeded(f"{call} before the first reset: call reset()")
        if not self.began:
            raise ResetNeeded("the last reset did not finish: call reset()")

    def check_reset(self, num_envs: int) -> None:
        """A reset of `num_envs` environments drops at most a step that was interrupted."""
        pending = self._asked.pending
        if pending and not (self.interrupted and num_envs == self._asked.num_envs):
            raise AlreadyPendingCallError(
                "reset while a step is under way: call recv() first", "reset"
            )

    def check_send(self, chosen: Sequence[int], whole: bool) -> None:
        """A step of `chosen`: they have episodes, and none has a step under way."""
        self.check_began("step")
        if self._asked.pending:
            asked = self._asked.steps
            busy = [env for env in chosen if asked[env] >= 0]
            if busy or whole:
                mend = "call recv() or reset()" if self.interrupted else "call recv() first"
                raise AlreadyPendingCallError(
                    f"send while a step is under way ({listed(busy)}): {mend}", "send"
                )
        if not self._episodes.autoreset and self._episodes.ended.any():
            ended = [env for env in chosen if self._episodes.ended[env]]
            if ended:
                raise ResetNeeded(
                    f"the episodes of {listed(ended)} have ended: "
                    "call reset(options={'reset_mask': ...})"
                )

    def check_recv(self, min_envs: int | None) -> int:
        """A step was sent, of `min_envs` environments or more; returns of how many."""
        pending = self._asked.pending
        if not pending:
            raise NoAsyncCallError("recv without a send: call send(actions) first", "recv")
        if min_envs is not None and not 1 <= min_envs <= pending:
            raise ValueError(f"min_envs is {min_envs}, expected 1 to {pending}, what was sent")
        return pending

"""Numbers and keeps the infos of one remote, so that a row shows all that arrived since the last.

The hot thread puts infos, one msgpack map each, one behind the other into a row's record while they
fit. `InfoLog` keeps the newest of them, for a row whose infos did not fit: then they are sent
whole, by the numbers that the hot thread tells. An info that has every key of the one before it
replaces that one, so that a remote which says the same things again and again fills no record. What
adds up instead of being replaced is `text`, a list. What even the log could not keep is counted.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack

TEXT = "text"
DROPPED = "infos_dropped"
KEPT_INFOS = 4096
KEPT_BYTES = 64 << 20


class Info(NamedTuple):
    """One info: what goes to the hot thread."""

    number: int
    replaces: int
    """The number of the one before it, whose keys it has; 0: it adds to what came before."""
    episode: int
    packed: bytes


class InfoLog:
    """The newest infos of one remote."""

    def __init__(self) -> None:
        self._kept: deque[Info] = deque()
        self._kept_bytes = 0
        self._made = 0
        self._last_dropped = 0
        self._keys: frozenset[str] = frozenset()
        self._episode = -1

    def add(self, episode: int, info: Mapping[str, Any]) -> Info:
        """Number an info and keep it.

        Raises:
            ValueError: msgpack cannot hold it: a number beyond 64 bits, too many levels.
        """
        try:
            packed: bytes = msgpack.packb(info)
        except (OverflowError, ValueError) as error:
            raise ValueError(f"info cannot be packed: {error}") from error
        keys = frozenset(info)
        may_replace = (
            episode == self._episode
            and keys >= self._keys
            and TEXT not in self._keys
            and bool(self._keys)
        )
        made = Info(self._made + 1, self._made if may_replace else 0, episode, packed)
        self._made, self._keys, self._episode = made.number, keys, episode
        self._kept.append(made)
        self._kept_bytes += len(packed)
        while len(self._kept) > KEPT_INFOS or (
            self._kept_bytes > KEPT_BYTES and len(self._kept) > 1
        ):
            oldest = self._kept.popleft()
            self._kept_bytes -= len(oldest.packed)
            self._last_dropped = oldest.number
        return made

    def take(self, told: int) -> bytes:
        """The infos that a row could not hold, one behind the other.

        Before them comes how many of the oldest were dropped, of whatever episode, if any were.

        Args:
            told: what the hot thread said (INFO_PUBLISHED): the last one's number, and in the lower
                16 bits how many came since the first. Those of another episode are left out.
        """
        last, before = told >> 16, told & 0xFFFF
        chosen = [info for info in self._kept if last - before <= info.number <= last]
        dropped = min(self._last_dropped, last) - (last - before) + 1
        head: bytes = msgpack.packb({DROPPED: dropped}) if dropped > 0 else b""
        if not chosen:
            return head
        episode = chosen[-1].episode
        self._kept = deque(x for x in self._kept if x.number > last or x.episode != episode)
        self._kept_bytes = sum(len(info.packed) for info in self._kept)
        return head + b"".join(info.packed for info in chosen if info.episode == episode)

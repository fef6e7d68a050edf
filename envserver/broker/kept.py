"""Remotes that wait for their trainer to come back, by its `client_id`."""

import asyncio
import dataclasses
import logging
from typing import Any

from envserver.broker.closings import Closings
from envserver.broker.pool import RemotePool
from envserver.errors import InvalidRuntime, RequestFailed
from envserver.runtimes_file import find_environment, load_runtimes
from envserver.spec import SessionSpec

logger = logging.getLogger(__name__)

SAME = (
    *("runtime_name", "runtime", "num_envs", "remotes", "screen_or_size", "env_kwargs", "command"),
    *("provider", "container", "fps", "clock", "source"),
)
"""What a remote was started with and cannot change; of its task see `_difference`."""


@dataclasses.dataclass
class Kept:
    """A pool without a session."""

    pool: RemotePool
    given_up: asyncio.Task[None]


class KeptRemotes:
    """The pools of sessions that ended, each for its `keep_s`.

    Args:
        closings: where pools are closed.
    """

    def __init__(self, closings: Closings) -> None:
        self._kept: dict[str, Kept] = {}
        self._closings = closings

    def keep(self, client_id: str, pool: RemotePool, keep_s: float) -> None:
        """Keep a pool until it is taken, or `keep_s` have passed."""
        pool.say = lambda env, text: None
        given_up = asyncio.create_task(self._give_up(client_id, keep_s))
        self._kept[client_id] = Kept(pool, given_up)
        logger.info("the remotes of client %s are kept for %g s", client_id, keep_s)

    def take(self, spec: SessionSpec) -> RemotePool | None:
        """The pool that is kept for a session's client; None where there is none.

        Raises:
            RequestFailed: it was started otherwise than the session asks; it stays kept.
        """
        assert spec.client_id is not None
        kept = self._kept.get(spec.client_id)
        if kept is None:
            return None
        differs = _difference(kept.pool.spec, spec)
        if differs:
            raise RequestFailed(
                f"client_id {spec.client_id!r} keeps {kept.pool.spec.num_envs} remotes that "
                f"cannot serve this session: its {differs}; "
                "give up the others by 'envserver remotes --release "
                f"{spec.client_id}', or use another client_id"
            )
        del self._kept[spec.client_id]
        kept.given_up.cancel()
        return kept.pool

    async def release(self, client_id: str) -> int:
        """Stop what is kept for a client; returns how many remotes it were.

        Raises:
            RequestFailed: nothing is.
        """
        kept = self._kept.pop(client_id, None)
        if kept is None:
            names = ", ".join(self._kept) or "none"
            raise RequestFailed(f"nothing is kept for the client {client_id!r}, kept are {names}")
        kept.given_up.cancel()
        count = kept.pool.alive
        await asyncio.shield(self._closings.begin(kept.pool.close()))
        return count

    def summaries(self) -> list[dict[str, Any]]:
        """What `status` says: client_id, runtime, num_envs, alive."""
        return [
            {
                "client_id": client_id,
                "runtime": kept.pool.spec.runtime_name or kept.pool.spec.runtime,
                "num_envs": kept.pool.spec.num_envs,
                "alive": kept.pool.alive,
            }
            for client_id, kept in self._kept.items()
        ]

    def give_up_all(self) -> None:
        """Begin to stop everything that is kept."""
        for kept in self._kept.values():
            kept.given_up.cancel()
            self._closings.begin(kept.pool.close())
        self._kept.clear()

    async def _give_up(self, client_id: str, keep_s: float) -> None:
        await asyncio.sleep(keep_s)
        kept = self._kept.pop(client_id)
        logger.info("the client %s did not come back: its remotes are stopped", client_id)
        self._closings.begin(kept.pool.close())


_WORDS = {"screen_or_size": "screen", "runtime_name": "runtime", "runtime": "kind of runtime"}


def _difference(kept: SessionSpec, asked: SessionSpec) -> str:
    """What of a session the remotes of another cannot be; "" where they can serve it."""
    for name in SAME:
        before, now = getattr(kept, name), getattr(asked, name)
        if _plain(before) != _plain(now):
            shown = "another value" if name == "remotes" else f"{now!r}, not {before!r}"
            return f"{_WORDS.get(name, name)} is {shown}"
    if kept.task == asked.task:
        if kept.task is None or kept.env_id == asked.env_id or _are_named(asked):
            return ""
        return f"task is {asked.task!r} of {asked.env_id}, not that of {kept.env_id}"
    if _are_named(kept, asked):
        return ""
    return f"task is {asked.task!r}, not {kept.task!r}"


def _are_named(*specs: SessionSpec) -> bool:
    """Whether each's task is what runtimes.yml has for its environment: remotes switch to such."""
    if any(spec.task is None or spec.env_id is None for spec in specs):
        return False
    try:
        known = load_runtimes()
        return all(find_environment(str(spec.env_id), known)[1].task == spec.task for spec in specs)
    except InvalidRuntime:
        return False


def _plain(value: Any) -> Any:
    """Values that travelled by msgpack and ones that did not, alike."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value

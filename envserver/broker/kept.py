"""Remotes that wait for their trainer to come back, by its `client_id`."""

import asyncio
import dataclasses
import logging
from typing import Any

from envserver.broker.pool import RemotePool
from envserver.errors import RequestFailed
from envserver.spec import SessionSpec

logger = logging.getLogger(__name__)

SAME = (
    *("runtime_name", "runtime", "num_envs", "remotes", "screen_or_size", "env_kwargs", "command"),
    *("provider", "container", "fps", "clock", "source"),
)
"""What a remote was started with and cannot change."""


@dataclasses.dataclass
class Kept:
    """A pool without a session."""

    pool: RemotePool
    given_up: asyncio.Task[None]


class KeptRemotes:
    """The pools of sessions that ended, each for its `keep_s`."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

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
        for name in SAME:
            before, now = getattr(kept.pool.spec, name), getattr(spec, name)
            if _plain(before) != _plain(now):
                shown = "another value" if name == "remotes" else repr(now)
                was = "" if name == "remotes" else f", not {before!r}"
                raise RequestFailed(
                    f"client_id {spec.client_id!r} keeps {kept.pool.spec.num_envs} remotes that "
                    f"cannot serve this session: its {_WORDS.get(name, name)} is {shown}{was}; "
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
        await kept.pool.close()
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

    async def close(self) -> None:
        """Stop everything that is kept."""
        for client_id in list(self._kept):
            await self.release(client_id)

    async def _give_up(self, client_id: str, keep_s: float) -> None:
        await asyncio.sleep(keep_s)
        kept = self._kept.pop(client_id)
        logger.info("the client %s did not come back: its remotes are stopped", client_id)
        await kept.pool.close()


_WORDS = {"screen_or_size": "screen", "runtime_name": "runtime", "runtime": "kind of runtime"}


def _plain(value: Any) -> Any:
    """Values that travelled by msgpack and ones that did not, alike."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value

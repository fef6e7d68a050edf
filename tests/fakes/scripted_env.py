"""Vector environments over scripted workers, closed at the end."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from fakes.scripted_worker import ScriptedSession, ScriptedWorker

from envserver.actions import KeyTableCodec
from envserver.make import parse_autoreset_mode
from envserver.vector_env import VectorEnv
from workers.entries import EntryKind

Make = Callable[..., VectorEnv]


@contextlib.contextmanager
def scripted_envs() -> Iterator[Make]:
    """Gives `make(num_envs=2, *, reset=True, slots=4, autoreset="next_step", **options)`."""
    made: list[VectorEnv] = []

    def make(num_envs: int = 2, *, reset: bool = True, slots: int = 4, **options: Any) -> VectorEnv:
        mode = options.pop("autoreset", "next_step")
        mask = options.get("while_resetting") == "mask"
        session = ScriptedSession(num_envs, autoreset=mode, mask=mask, slots=slots)
        codec = KeyTableCodec(session.describe["keysyms"], num_envs)
        options = {"reset_timeout_s": 5, **options}
        envs = VectorEnv(session, codec, autoreset_mode=parse_autoreset_mode(mode), **options)
        made.append(envs)
        if reset:
            envs.reset()
        return envs

    try:
        yield make
    finally:
        for envs in made:
            envs.close()


def session_of(envs: VectorEnv) -> ScriptedSession:
    assert isinstance(envs.session, ScriptedSession)
    return envs.session


def workers(envs: VectorEnv) -> list[ScriptedWorker]:
    return session_of(envs).workers


def taken(envs: VectorEnv, env: int, kind: EntryKind) -> list[Any]:
    """The queue entries of one kind that an environment's worker took."""
    return [entry for entry in workers(envs)[env].taken if entry["kind"] == kind]

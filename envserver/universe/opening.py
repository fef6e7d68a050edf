"""Starts remotes for a configuration: one session each, on one connection to a daemon."""

import dataclasses
from typing import Any, NamedTuple, Protocol

from envserver.actions import EventCodec, EventSpace
from envserver.client import Client
from envserver.errors import EnvServerError
from envserver.runtimes_file import keep_time_limit, session_fields
from envserver.session import Session
from envserver.spec import SessionSpec
from envserver.universe.configuring import FPS, Configuration
from envserver.universe.error import Error
from envserver.universe.logs import say_once, warn_once
from envserver.universe.placing import CORNERS
from envserver.universe.remote import Remote
from envserver.universe.stand_ins import family_of, stand_in
from envserver.vector_env import VectorEnv

SCREEN = (1024, 768)
RESET_LOOK_S = 0.01
"""How long a reset looks whether the episode runs already; later rows say when it does."""


class Opened(Protocol):
    """The remotes of one environment."""

    remotes: list[Remote]

    def close(self) -> None:
        """Give them back."""
        ...


class Remotes:
    """The remotes of one environment; they start while this returns.

    Either all begin to start, or none: what the daemon refuses for one closes those before it. One
    that fails later, when it starts, leaves the others alone.

    Args:
        configuration: What `configure` was told.
        env_id: What the script asked for; None: whatever runs at the addresses.

    Raises:
        Error: nothing that could be started is called so, or the daemon refused it.
    """

    def __init__(self, configuration: Configuration, env_id: str | None) -> None:
        self.remotes: list[Remote] = []
        start = _start(configuration, env_id)
        self._client = Client()
        client_id = configuration.client_id
        if client_id is not None and (reason := self._keeps_nothing(configuration)):
            warn_once(f"configure(client_id={client_id!r}) is ignored: {reason}")
            client_id = None
        try:
            for index, spec in enumerate(start.specs):
                if client_id is None:
                    spec = dataclasses.replace(spec, client_id=None)
                session = self._client.open_session(spec)
                name = session.names[0] if session.names else f"remote {index}"
                self.remotes.append(
                    Remote(
                        f"remote {index} ({name})",
                        session,
                        _vector_env,
                        size=SCREEN,
                        keys=start.keys,
                        corner=start.corner,
                    )
                )
        except BaseException as error:
            self.close()
            if isinstance(error, EnvServerError | ValueError):
                raise Error(str(error)) from error
            raise

    def close(self) -> None:
        # With the lease gone the daemon ends all at once, not one after the other.
        self._client.close()
        for remote in self.remotes:
            remote.close()

    def _keeps_nothing(self, configuration: Configuration) -> str:
        """Why nobody can take these remotes back; "" where the daemon keeps them."""
        if configuration.addresses is not None:
            return "remotes at addresses are not ours to keep"
        if self._client.daemon_pid is not None:
            return "this script's own daemon ends with it; 'envserver serve' starts one that keeps"
        return ""


class _Start(NamedTuple):
    """What is to be started, and how the script's screen and keys are its."""

    specs: list[SessionSpec]
    keys: dict[int, int]
    corner: tuple[int, int] | None


def _vector_env(session: Session) -> VectorEnv:
    return VectorEnv(
        session,
        EventCodec(EventSpace(*SCREEN), 1),
        while_resetting="mask",
        fps=FPS,
        step_timeout_s=session.spec.step_timeout_s,
        reset_timeout_s=RESET_LOOK_S,
    )


def _start(configuration: Configuration, env_id: str | None) -> _Start:
    fields: dict[str, Any] = {"env_id": env_id}
    keys: dict[int, int] = {}
    corner = None
    if configuration.addresses is None:
        if env_id is None:
            raise Error("remotes is a number, but nothing is named: expected gym.make(name)")
        found = stand_in(env_id)
        if found.notice:
            say_once(found.notice)
        keys = dict(found.keys)
        fields = session_fields(found.name)
        if found.same:
            corner = CORNERS.get(family_of(env_id))
        if found.same and fields["runtime"] == "gym-core":
            fields["screen"] = "native"
    fields |= {
        "num_envs": 1,
        "width": SCREEN[0],
        "height": SCREEN[1],
        "fps": FPS,
        "while_resetting": "mask",
        "vnc_kwargs": {**fields.get("vnc_kwargs", {}), **configuration.vnc_kwargs},
    }
    if configuration.start_timeout_s is not None:
        fields["start_timeout_s"] = configuration.start_timeout_s
    try:
        keep_time_limit(fields, configuration.fps)
        specs = [
            SessionSpec(
                remotes=configuration.address(index),
                client_id=configuration.client_of(index),
                **fields,
            )
            for index in range(configuration.n)
        ]
    except ValueError as error:
        raise Error(f"configure: {error}") from error
    return _Start(specs, keys, corner)

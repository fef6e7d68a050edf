"""Starts remotes for a configuration: one session each, on one connection to a daemon."""

from typing import Any, Protocol

from envserver.actions import EventCodec, EventSpace
from envserver.client import Client
from envserver.errors import EnvServerError
from envserver.runtimes_file import session_fields
from envserver.session import Session
from envserver.spec import SessionSpec
from envserver.universe.configuring import FPS, Configuration
from envserver.universe.error import Error
from envserver.universe.logs import say_once
from envserver.universe.remote import Remote
from envserver.universe.stand_ins import stand_in
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

    Args:
        configuration: What `configure` was told.
        env_id: What the script asked for; None: whatever runs at the addresses.

    Raises:
        Error: nothing that could be started is called so, or the daemon refused it.
    """

    def __init__(self, configuration: Configuration, env_id: str | None) -> None:
        self.remotes: list[Remote] = []
        specs, keys = _specs(configuration, env_id)
        self._client = Client()
        try:
            for index, spec in enumerate(specs):
                session = self._client.open_session(spec)
                name = session.names[0] if session.names else f"remote {index}"
                self.remotes.append(
                    Remote(
                        f"remote {index} ({name})",
                        session,
                        _vector_env,
                        size=SCREEN,
                        keys=keys,
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


def _vector_env(session: Session) -> VectorEnv:
    return VectorEnv(
        session,
        EventCodec(EventSpace(*SCREEN), 1),
        while_resetting="mask",
        fps=FPS,
        step_timeout_s=session.spec.step_timeout_s,
        reset_timeout_s=RESET_LOOK_S,
    )


def _specs(
    configuration: Configuration, env_id: str | None
) -> tuple[list[SessionSpec], dict[int, int]]:
    fields: dict[str, Any] = {"env_id": env_id}
    keys: dict[int, int] = {}
    if configuration.addresses is None:
        if env_id is None:
            raise Error("remotes is a number, but nothing is named: expected gym.make(name)")
        found = stand_in(env_id)
        if found.notice:
            say_once(found.notice)
        keys = dict(found.keys)
        fields = session_fields(found.name)
    fields |= {
        "num_envs": 1,
        "width": SCREEN[0],
        "height": SCREEN[1],
        "slots": 2,
        "fps": FPS,
        "while_resetting": "mask",
        "vnc_kwargs": {**fields.get("vnc_kwargs", {}), **configuration.vnc_kwargs},
    }
    time_limit_s = fields.pop("time_limit_s", None)
    if time_limit_s is not None and configuration.fps is not None:
        fields.setdefault("max_episode_steps", max(1, round(time_limit_s * configuration.fps)))
    if configuration.start_timeout_s is not None:
        fields["start_timeout_s"] = configuration.start_timeout_s
    try:
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
    return specs, keys

"""What starts and ends remotes: addresses, gym-core hosts, local desktops, containers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what runs inside a remote uses parts of this package and needs to start fast
    from envserver.remotes.base import RemoteProvider
    from envserver.spec import SessionSpec

PROVIDER_VARIABLE = "ENVSERVER_PROVIDER"
"""Environment variable: what provider="auto" means to a daemon."""


def create_provider(
    spec: "SessionSpec",
    directory: Path,
    logs: Path,
    say: Callable[[int, str], None] = lambda env, text: None,
) -> "RemoteProvider":
    """What makes the remotes of a session; each kind is imported only where it is used.

    Args:
        directory: of the session, for its user alone; it goes with the session.
        logs: where programs' output goes.
        say: called with an environment's number and what is got before its remote can start, which
            may take minutes; "" when that is there.
    """
    if spec.source == "synthetic":
        from envserver.remotes.base import NoRemotes

        return NoRemotes()
    if isinstance(spec.remotes, str):
        from envserver.remotes.attached import AttachedRemotes

        return AttachedRemotes(spec.remotes)
    if _wants_docker(spec):
        from envserver.remotes.containers import DockerRemotes

        return DockerRemotes(spec, logs, say)
    if spec.runtime == "gym-core":
        from envserver.remotes.gym_core import GymCoreRemotes

        return GymCoreRemotes(spec, logs)
    assert spec.runtime == "xvnc", spec.runtime
    from envserver.remotes.xvnc import XvncRemotes

    return XvncRemotes(spec, directory, logs)


def _wants_docker(spec: "SessionSpec") -> bool:
    """Whether containers make the remotes.

    "auto" is what ENVSERVER_PROVIDER says, else containers where a local engine has the image
    already: getting one takes minutes, and is done where it was asked for.

    Raises:
        ValueError: ENVSERVER_PROVIDER is wrong.
    """
    from envserver.container_options import PROVIDERS, container_options

    provider = spec.provider
    if provider == "auto":
        provider = os.environ.get(PROVIDER_VARIABLE) or "auto"
        if provider not in PROVIDERS:
            raise ValueError(
                f"{PROVIDER_VARIABLE} is {provider!r}, allowed are {', '.join(PROVIDERS)}"
            )
    if provider != "auto" or spec.runtime == "docker":
        return provider == "docker" or spec.runtime == "docker"
    from envserver.errors import RemoteError
    from envserver.remotes.engine import image_is_there
    from envserver.remotes.images import image_name

    try:
        return image_is_there(image_name(spec, container_options(spec.container)))
    except RemoteError:  # which image of this version it would be is not known
        return False

"""What starts and ends remotes: addresses, gym-core hosts, local desktops, containers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what runs inside a remote uses parts of this package and needs to start fast
    from envserver.remotes.base import RemoteProvider
    from envserver.spec import SessionSpec


def create_provider(
    spec: "SessionSpec",
    directory: Path,
    logs: Path,
    say: Callable[[int, str], None] = lambda env, text: None,
    *,
    containers: bool = False,
    labels: Mapping[str, str] | None = None,
) -> "RemoteProvider":
    """What makes the remotes of a session; each kind is imported only where it is used.

    Args:
        directory: of the session, for its user alone; it goes with the session.
        logs: where programs' output goes.
        say: called with an environment's number and what is got before its remote can start, which
            may take minutes; "" when that is there.
        containers: as `choose_provider` says (envserver/remotes/choice.py).
        labels: for containers, behind "envserver."; "session" and "lease".
    """
    if spec.source == "synthetic":
        from envserver.remotes.base import NoRemotes

        return NoRemotes()
    if isinstance(spec.remotes, str):
        from envserver.remotes.attached import AttachedRemotes

        return AttachedRemotes(spec.remotes)
    if containers:
        from envserver.remotes.containers import DockerRemotes

        return DockerRemotes(spec, logs, say, labels)
    if spec.runtime == "gym-core":
        from envserver.remotes.gym_core import GymCoreRemotes

        return GymCoreRemotes(spec, logs)
    assert spec.runtime == "xvnc", spec.runtime
    from envserver.remotes.xvnc import XvncRemotes

    return XvncRemotes(spec, directory, logs)

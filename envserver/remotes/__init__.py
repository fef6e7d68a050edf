"""What starts and ends remotes: attached addresses, gym-core hosts, local desktops."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what runs inside a remote uses parts of this package and needs to start fast
    from envserver.remotes.base import RemoteProvider
    from envserver.spec import SessionSpec


def create_provider(spec: "SessionSpec", directory: Path, logs: Path) -> "RemoteProvider":
    """What makes the remotes of a session; each kind is imported only where it is used.

    Args:
        directory: of the session, for its user alone; it goes with the session.
        logs: where programs' output goes.
    """
    if spec.source == "synthetic":
        from envserver.remotes.base import NoRemotes

        return NoRemotes()
    if isinstance(spec.remotes, str):
        from envserver.remotes.attached import AttachedRemotes

        return AttachedRemotes(spec.remotes)
    if spec.runtime == "gym-core":
        from envserver.remotes.gym_core import GymCoreRemotes

        return GymCoreRemotes(spec, logs)
    assert spec.runtime == "xvnc", spec.runtime
    from envserver.remotes.xvnc import XvncRemotes

    return XvncRemotes(spec, directory, logs)

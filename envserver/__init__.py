"""Train agents on real programs: many VNC desktops, one batch that nobody copied."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from envserver.installation import check_installation, is_remote_only

check_installation()
if not is_remote_only():  # nobody makes environments there, and it is to start fast
    from envserver.announce import announce

    announce()

if TYPE_CHECKING:
    from envserver.agent_desktop import desktop
    from envserver.agent_desktop_async import desktop_async
    from envserver.batch import Batch
    from envserver.due import AT, CHANGED, NOW, QUIET
    from envserver.make import Connection, connect, make_vec
    from envserver.vector_env import VectorEnv

__all__ = [
    "AT",
    "CHANGED",
    "NOW",
    "QUIET",
    "Batch",
    "Connection",
    "VectorEnv",
    "connect",
    "desktop",
    "desktop_async",
    "make_vec",
]

_HOMES = {
    "AT": "due",
    "CHANGED": "due",
    "NOW": "due",
    "QUIET": "due",
    "Batch": "batch",
    "Connection": "make",
    "VectorEnv": "vector_env",
    "connect": "make",
    "desktop": "agent_desktop",
    "desktop_async": "agent_desktop_async",
    "make_vec": "make",
}


def __getattr__(name: str) -> Any:
    """Import on first use: daemon and workers live in this package too and need no Gymnasium."""
    if name in _HOMES:
        return getattr(import_module(f"envserver.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Modules of Universe's that are not here: they can be imported, and say what to use instead."""

from types import ModuleType
from typing import Any

from envserver.universe.error import Error
from envserver.universe.registry import runtime_spec


class AbsentModule(ModuleType):
    """A module in which nothing is.

    Args:
        name: What follows "universe.".
        way_out: What does its work here.
    """

    def __init__(self, name: str, way_out: str) -> None:
        super().__init__(f"universe.{name}", f"Not here: {way_out}.")
        self._way_out = way_out

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python itself looks for these
            raise AttributeError(name)
        raise Error(f"{self.__name__}.{name} is not in envserver: {self._way_out}")


rewarder = AbsentModule(
    "rewarder", "workers have a client of the rewarder's protocol, envserver.rewarder the server"
)
remotes = AbsentModule("remotes", "env.configure(remotes=...) starts remotes, or attaches to them")
runtimes: Any = AbsentModule("runtimes", "runtimes.yml lists what runs, 'envserver runtimes' shows")
runtimes.runtime_spec = runtime_spec
runtimes.registration = runtimes

MODULES = {
    "rewarder": rewarder,
    "remotes": remotes,
    "runtimes": runtimes,
    "runtimes.registration": runtimes,
}
"""Which of Universe's names mean them."""

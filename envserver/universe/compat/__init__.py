"""A small `gym` of 2016, for scripts that import it where none is installed."""

import logging

from gymnasium import Space

from envserver.universe import error
from envserver.universe.compat import registration, spaces
from envserver.universe.compat.core import (
    ActionWrapper,
    Env,
    ObservationWrapper,
    RewardWrapper,
    Wrapper,
)
from envserver.universe.compat.registration import make, register, spec

__version__ = "0.7.4"
logger = logging.getLogger("gym")
logger.set_level = logger.setLevel  # type: ignore[attr-defined]


def undo_logger_setup() -> None:
    """Nothing of gym's logs to anywhere: there is nothing to undo."""


__all__ = [
    "ActionWrapper",
    "Env",
    "ObservationWrapper",
    "RewardWrapper",
    "Space",
    "Wrapper",
    "error",
    "logger",
    "make",
    "register",
    "registration",
    "spaces",
    "spec",
    "undo_logger_setup",
]

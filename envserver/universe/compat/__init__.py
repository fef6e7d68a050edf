"""A small `gym` of 2016, for scripts that import it where none is installed."""

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

__all__ = [
    "ActionWrapper",
    "Env",
    "ObservationWrapper",
    "RewardWrapper",
    "Space",
    "Wrapper",
    "error",
    "make",
    "register",
    "registration",
    "spaces",
    "spec",
]

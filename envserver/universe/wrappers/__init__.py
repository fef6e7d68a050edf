"""Wrappers around Universe environments."""

from envserver.universe.envs import VNCEnv as WrappedVNCEnv  # it throttles and renders itself
from envserver.universe.vectorized import Wrapper as Render  # rendering needs no wrapper
from envserver.universe.wrappers import experimental
from envserver.universe.wrappers.absent import (
    Diagnostics,
    GymCoreObservation,
    GymCoreSync,
    Recording,
    WrappedMultiprocessingEnv,
)
from envserver.universe.wrappers.acting import (
    CropAtari,
    CropObservations,
    GymCoreAction,
    SafeActionSpace,
    SoftmaxClickMouse,
)
from envserver.universe.wrappers.lists import (
    EpisodeID,
    Joint,
    Unvectorize,
    Vectorize,
    Vision,
    WeakUnvectorize,
)
from envserver.universe.wrappers.timing import (
    BlockingReset,
    Logger,
    Monitor,
    Throttle,
    TimeLimit,
    Timer,
)

__all__ = [
    "BlockingReset",
    "CropAtari",
    "CropObservations",
    "Diagnostics",
    "EpisodeID",
    "GymCoreAction",
    "GymCoreObservation",
    "GymCoreSync",
    "Joint",
    "Logger",
    "Monitor",
    "Recording",
    "Render",
    "SafeActionSpace",
    "SoftmaxClickMouse",
    "Throttle",
    "TimeLimit",
    "Timer",
    "Unvectorize",
    "Vectorize",
    "Vision",
    "WeakUnvectorize",
    "WrappedMultiprocessingEnv",
    "WrappedVNCEnv",
    "experimental",
]

"""`gym.spaces`: Gymnasium's, and the module-wide random generator that old scripts seed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from gymnasium.spaces import (
    Box,
    Dict,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    Space,
    Tuple,
)

__all__ = ["Box", "Dict", "Discrete", "MultiBinary", "MultiDiscrete", "Space", "Tuple", "prng"]

prng: Any = SimpleNamespace(np_random=np.random.RandomState())
prng.seed = prng.np_random.seed

"""One environment's steps; the C face is stepper.pxd."""

from enum import IntEnum

class Autoreset(IntEnum):
    """What follows the end of an episode (gymnasium.vector.AutoresetMode)."""

    NEXT_STEP = 0
    SAME_STEP = 1
    DISABLED = 2

class Stepper:
    """Everything about steps that needs no descriptor; `HotLoop` feeds it."""

    main_bell: int

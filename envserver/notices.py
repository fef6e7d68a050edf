"""What a trainer is told once a process: as a warning of the logger "envserver".  [I/O: the log]

A program that sets up no logging sees it on standard error; one that wants it silent sets the
logger's level.
"""

import logging

logger = logging.getLogger("envserver")

_said: set[str] = set()


def say_once(text: str) -> None:
    """Warn, if that was not said before; of "" nothing."""
    if text and text not in _said:
        _said.add(text)
        logger.warning("%s", text)

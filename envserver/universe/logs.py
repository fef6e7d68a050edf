"""The loggers that scripts expect, and the line that says which environment stands in."""

import logging
import os
import sys
import tempfile

logger = logging.getLogger("universe")
extra_logger = logging.getLogger("universe.extra")
extra_logger.propagate = False

FORMAT = "[%(asctime)s] %(message)s"
_said: set[str] = set()
_ours: list[logging.Handler] = []


def configure_logging(path: str | bool | None = None) -> None:
    """Write the log to standard error, and details to a file.

    Args:
        path: The file; None: /tmp/universe-<pid>.log; False or "-": none.
    """
    for handler in _ours:
        logger.removeHandler(handler)
        extra_logger.removeHandler(handler)
        handler.close()
    _ours.clear()
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(stream)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    _ours.append(stream)
    if path is None:
        path = os.path.join(tempfile.gettempdir(), f"universe-{os.getpid()}.log")
    if isinstance(path, str) and path != "-":
        file = logging.FileHandler(path, delay=True)
        file.setFormatter(logging.Formatter(FORMAT))
        extra_logger.addHandler(file)
        extra_logger.setLevel(logging.DEBUG)
        _ours.append(file)


def say_once(text: str) -> None:
    """Say something that nobody must miss: on standard error, whatever becomes of the log."""
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr, flush=True)


def warn_once(text: str) -> None:
    """Warn, once for each text."""
    if text not in _said:
        _said.add(text)
        logger.warning("%s", text)

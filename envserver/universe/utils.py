"""Small things that scripts call."""

import os
import signal
from types import FrameType


def exit_on_signal() -> None:
    """End with status 128 + the signal's number on SIGTERM, SIGHUP and SIGINT, after clean-up."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def random_alphanumeric(length: int = 14) -> str:
    """A name that nobody else has."""
    return os.urandom(length).hex()[:length]

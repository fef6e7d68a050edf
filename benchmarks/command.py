"""What the benchmarks' commands share: how they end, and which numbers they take."""

import argparse
import signal
from collections.abc import Callable

INTERRUPTED = 130


def run(main: Callable[[], None]) -> None:
    """Run a command so that whatever interrupts it ends what it has started, too.

    SIGTERM and SIGHUP are as Ctrl-C; an Xvnc lives on where nobody ends it.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def whole(least: int = 1) -> Callable[[str], int]:
    """A type of argparse: a whole number from `least` on."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from {least} on")
        return int(text)

    return read


def positive(text: str) -> float:
    """A type of argparse: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number above 0")
    return value

"""What the benchmarks' commands share: how they end, what they start, which numbers they take."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

INTERRUPTED = 130


class Ended(KeyboardInterrupt):
    """Another process asked for the end."""


def run(main: Callable[[], None]) -> None:
    """Run a command so that whatever interrupts it ends what it has started, too.

    SIGTERM and SIGHUP are as Ctrl-C, of which a line is printed; an Xvnc lives on where nobody ends
    it.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        main()
    except KeyboardInterrupt as reason:
        if not isinstance(reason, Ended):
            print("interrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended


def start(command: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
    """Start a program that the caller ends: no Ctrl-C of a terminal reaches it."""
    return subprocess.Popen(command, process_group=0, **options)


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

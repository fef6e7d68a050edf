"""How the benchmarks' commands end, and what their arguments may be."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.command import positive, whole

ROOT = Path(__file__).parents[2]
ENDS = """
import signal
from benchmarks.command import run

def main():
    try:
        print("begun", flush=True)
        while True:
            signal.pause()
    finally:
        print("ended", flush=True)

run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_was_started(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, number)
        said, errors = process.communicate()
    told = "interrupted\n" if number == signal.SIGINT else ""
    assert (said, errors, process.returncode) == ("ended\n", told, 130)


STARTS = """
import sys
from benchmarks.command import run, start

def main():
    child = start([sys.executable, "-c", "print('begun', flush=True); input()"], stdin=-1)
    try:
        child.wait()
    finally:
        child.communicate(b"\\n")
        print("ended with", child.returncode, flush=True)

run(main)
"""


def test_ctrl_c_at_a_terminal_is_one_line_whatever_was_started() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate()
    assert (said, errors, process.returncode) == ("ended with 0\n", "interrupted\n", 130)


@pytest.mark.parametrize(
    ("read", "text"),
    [*((whole(), text) for text in ("0", "-1", "1.5", "x", "")), (whole(2), "1")]
    + [(positive, text) for text in ("0", "-1", "x", "nan", "inf")],
)
def test_other_numbers_are_refused(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a"):
        read(text)


def test_numbers_are_read() -> None:
    assert whole()("1") == 1
    assert whole(0)("0") == 0
    assert positive("0.5") == 0.5

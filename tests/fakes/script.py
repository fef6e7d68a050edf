"""A Python process beside the tests: a trainer or a daemon of its own."""

import os
import select
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 90.0


class Script:
    """A Python process that prints lines; its standard error is ours.

    Args:
        code: what it runs, with the tests' own environment.
        directory: where it runs.
    """

    def __init__(self, code: str, directory: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what `line` leaves must stay visible to select
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self.pid = self.process.pid

    def line(self, timeout_s: float = TIMEOUT_S) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        assert ready, "the script printed nothing"
        return self.process.stdout.readline().decode().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

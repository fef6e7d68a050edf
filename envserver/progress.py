"""What a person sees on standard error while remotes start.  [I/O]

How far that is, above all where an image is built or pulled first: as a bar on a terminal, else as
a line for each image. Of containers also the `docker run` that could be typed instead, for one.
"""

import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_AFTER_S = 1.0
"""What starts faster shows no bar."""
NAME = re.compile(r" --name ('[^']*'|\S+)")
SHARE = re.compile(r"(\d+(?:\.\d+)?) of (\d+(?:\.\d+)?)")


class StartProgress:
    """Called with each status of a session that starts; the bar goes at the end of its `with`.

    Attributes:
        commands: The `docker run`s that this process has shown, without the containers' names.
    """

    commands: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        self._shown_from_s = time.monotonic() + SHOWN_AFTER_S
        self._said = {""}
        self._bar: Progress | None = None

    def __enter__(self) -> "StartProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, status: Mapping[str, Any]) -> None:
        if sys.stderr is None:
            return
        workers = status["workers"]
        waiting = [each["waiting_for"] for each in workers if each["state"] == "preparing"]
        if sys.stderr.isatty():
            if waiting or self._bar or time.monotonic() > self._shown_from_s:
                self._draw(waiting[0] if waiting else "", status["ready"], len(workers))
        elif waiting:
            self._say(waiting[0].partition(", ")[0])
        commands = [each["command"] for each in workers if each.get("command")]
        if commands and "$" not in self._said:
            self._said.add("$")
            nameless = NAME.sub("", commands[0], count=1)
            if nameless not in self.commands:
                self.commands.add(nameless)
                self._say(f"$ {commands[0]}")

    def _say(self, line: str) -> None:
        """Print a line once."""
        if line in self._said:
            return
        self._said.add(line)
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _draw(self, preparing: str, ready: int, count: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            text = TextColumn("{task.description}", markup=False)
            columns = (text, BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=None)
            self._bar.start()
        done, total, description = float(ready), float(count), f"{ready} of {count} remotes ready"
        if preparing:
            description = preparing
            share = SHARE.search(preparing)
            done, total = (float(share[1]), float(share[2])) if share else (0.0, 0.0)
        self._bar.update(
            self._bar.task_ids[0], description=description, completed=done, total=total or None
        )

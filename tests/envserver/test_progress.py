"""What is shown while remotes start: bars on a terminal, lines elsewhere."""

import io
import sys
from typing import Any

import pytest

from envserver.progress import StartProgress


@pytest.fixture(autouse=True)
def first_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StartProgress, "commands", set())


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def status(*states: tuple[str, str], command: str = "") -> dict[str, Any]:
    """Of workers in these states, each with what it waits for."""
    workers = [
        {"state": state, "waiting_for": text, "command": command if state == "ready" else ""}
        for state, text in states
    ]
    return {"ready": sum(state == "ready" for state, _ in states), "workers": workers}


STEP = "building the image mine:1, step {} of 12: RUN [ -e /x ]"
RUN = "docker run --rm --name 'a b' mine:1"
STARTING = [
    status(("starting", "its process"), ("starting", "its process")),
    status(("preparing", "building the image mine:1"), ("starting", "its remote")),
    status(("preparing", STEP.format(3)), ("starting", "its remote")),
    status(("preparing", STEP.format(12)), ("starting", "its remote")),
    status(("ready", ""), ("connecting", "the first picture"), command=RUN),
    status(("ready", ""), ("ready", ""), command=RUN),
]


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with StartProgress() as progress:
        for each in STARTING:
            progress(each)
    return stream.getvalue()


def test_lines_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(io.StringIO(), monkeypatch)
    assert said.splitlines() == ["building the image mine:1", f"$ {RUN}"]


def test_the_same_container_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    named = ("docker run --name {} --rm mine:{}".format(*each) for each in ("a1", "b1", "c2"))
    for command in named:
        with StartProgress() as progress:
            progress(status(("ready", ""), command=command))
    assert stream.getvalue().splitlines() == [
        "$ docker run --name a --rm mine:1",
        "$ docker run --name c --rm mine:2",
    ]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    drawn: list[tuple[str, float, float | None]] = []
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with StartProgress() as progress:
        for each in STARTING:
            progress(each)
            if progress._bar is not None:
                [task] = progress._bar.tasks
                drawn.append((task.description, task.completed, task.total))
                progress._bar.refresh()
    assert drawn == [
        ("building the image mine:1", 0, None),
        (STEP.format(3), 3, 12),
        (STEP.format(12), 12, 12),
        ("1 of 2 remotes ready", 1, 2),
        ("2 of 2 remotes ready", 2, 2),
    ]
    said = stream.getvalue()
    assert STEP.format(3) in said
    assert said.count(f"$ {RUN}") == 1
    assert said.endswith("\x1b[2K")  # the bar is gone


def test_processes_that_start_at_once_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        with StartProgress() as progress:
            progress(status(("starting", "its process")))
            progress(status(("ready", "")))
        assert stream.getvalue() == ""


def test_without_standard_error_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with StartProgress() as progress:
        progress(STARTING[1])

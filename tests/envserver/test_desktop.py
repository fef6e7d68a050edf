"""A real desktop, driven as a person would: keys, characters, buttons; and when a row is due."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from fakes.desktop_programs import (
    CELL,
    Line,
    do,
    environment_from,
    telling,
    terminal,
    x_rgb,
)

import envserver
from envserver.due import CHANGED, NOW, QUIET
from envserver.vector_env import VectorEnv
from workers.entries import Flag

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

SIZE = (640, 480)
CHARACTERS = (
    'It\'s 5 > 3: {a} [B] $HOME `x` "q" \\ | ~ ^ ! @ # % & * ( ) _ + = - ; : , . / ? < '
    "äöü ÄÖÜ ß é € Привет 日本語"
)

Make = Callable[..., VectorEnv]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[VectorEnv] = []

    def build(command: Any, num_envs: int = 1, **options: Any) -> VectorEnv:
        options = {"screen": SIZE, "fps": None, **options}
        options.setdefault("vnc_kwargs", {"fine_quality_level": -1})  # to compare pixels exactly
        made.append(envserver.make_vec("xvnc.Desktop-v0", num_envs, command=command, **options))
        made[-1].reset()
        return made[-1]

    yield build
    for envs in made:
        envs.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "line")
    yield made
    made.close()


def shell(line: Line, *options: str) -> list[str]:
    return terminal(telling(line, "exec env PS1='$ ' sh"), *options)


def test_typing_a_shell_line(make: Make, line: Line, tmp_path: Path) -> None:
    written = tmp_path / "written"
    envs = make(shell(line))
    environment_from(line)
    do(envs)
    command = f"printf %s {shlex.quote(CHARACTERS)} > {written}; echo done > {line.path}"
    do(envs, ("Text", command + "\n"))
    assert line.read() == "done"
    assert written.read_text() == CHARACTERS


@pytest.mark.parametrize("first", ["é", "Ж", "語", "€"])
def test_the_first_key_may_be_none_of_the_keyboard(make: Make, line: Line, first: str) -> None:
    envs = make(terminal(telling(line, f"IFS= read -r text; echo $text > {line.path}")))
    environment_from(line)
    do(envs)
    do(envs, ("Text", f"{first}{first.upper()}x\n"))
    assert line.read() == f"{first}{first.upper()}x"


def test_named_and_held_keys(make: Make, line: Line) -> None:
    envs = make(
        terminal(telling(line, f"stty raw -echo; echo > {line.path}; exec cat -u > {line.path}"))
    )
    environment_from(line)
    line.read()
    do(envs)
    do(
        envs,
        *[("Tap", key) for key in ("Up", "Delete", "F5", "Tab", "Escape")],
        ("KeyEvent", "Control_L", True),
        ("Tap", "c"),
        ("KeyEvent", "Control_L", False),
        ("KeyEvent", "Shift_L", True),
        ("Tap", "Up"),
        ("KeyEvent", "Shift_L", False),
        ("Tap", "ctrl"),
        ("Text", "."),
    )
    assert line.read("[.]") == "\x1b[A\x1b[3~\x1b[15~\t\x1b\x03\x1b[1;2A"


def test_a_reset_releases_what_is_held(make: Make, line: Line) -> None:
    envs = make(
        terminal(telling(line, f"stty raw -echo; echo > {line.path}; exec cat -u > {line.path}"))
    )
    environment_from(line)
    line.read()
    do(envs)
    do(envs, ("KeyEvent", "Control_L", True))
    envs.reset()
    do(envs, ("Text", "c."))
    assert line.read("[.]") == "c"


def test_moves_and_clicks(make: Make, line: Line) -> None:
    # SGR mouse reports: ESC [ < button ; column ; row, then M for press or motion, m for release.
    ask = r"stty raw -echo; printf '\033[?1003h\033[?1006h'"
    envs = make(terminal(telling(line, f"{ask}; echo > {line.path}; exec cat -u > {line.path}")))
    environment_from(line)
    line.read()
    do(envs)

    def reported(columns: int, rows: int, *masks: int) -> tuple[int, int, int, bool]:
        place = 100 + columns * CELL[0], 100 + rows * CELL[1]
        do(envs, *[("PointerEvent", *place, mask) for mask in masks], due=NOW)
        report = re.fullmatch(r"\x1b\[<(\d+);(\d+);(\d+)([Mm])", line.read("(?<=[Mm])"))
        assert report
        return int(report[1]), int(report[2]), int(report[3]), report[4] == "m"

    motion, column, row, _ = reported(0, 0, 0)
    assert motion == 35
    assert reported(0, 0, 1) == (0, column, row, False)
    assert reported(0, 0, 0) == (0, column, row, True)
    assert reported(40, 20, 0) == (35, column + 40, row + 20, False)
    assert reported(40, 20, 4) == (2, column + 40, row + 20, False)
    assert reported(3, 1, 4) == (34, column + 3, row + 1, False)
    assert reported(3, 1, 0) == (2, column + 3, row + 1, True)
    assert reported(3, 1, 8, 0) == (64, column + 3, row + 1, False)


def test_selecting_and_pasting_with_the_mouse(make: Make, line: Line) -> None:
    fill = "printf '%0999d' 0 | tr 0 w; echo; read text"
    envs = make(terminal(telling(line, f"read go; {fill}; echo $text > {line.path}")))
    environment_from(line)
    do(envs)
    do(envs, ("Tap", "Return"))
    double_click = [("PointerEvent", 200, 90, mask) for mask in (0, 1, 0, 1, 0)]
    do(envs, *double_click)
    do(envs, ("PointerEvent", 200, 90, 2), ("PointerEvent", 200, 90, 0))
    do(envs, ("Tap", "Return"))
    assert line.read() == 999 * "w"


def test_changed_is_due_when_the_program_answers(make: Make, line: Line) -> None:
    envs = make(shell(line))
    environment_from(line)
    before = do(envs).observations[0].copy()
    began_s = time.monotonic()
    after = do(envs, ("Text", "x"), due=CHANGED(5000)).observations[0]
    assert time.monotonic() - began_s < 4.0
    changed = np.argwhere((after != before).any(axis=2))
    assert 0 < len(changed) <= 2 * CELL[0] * CELL[1]  # the letter, and the cursor
    # Elsewhere nothing changes: due at the latest time.
    began_s = time.monotonic()
    elsewhere = do(envs, ("Text", "y"), due=CHANGED(300, (320, 240, 320, 240)))
    assert 0.3 <= time.monotonic() - began_s < 2.0
    assert not elsewhere.infos["late"].any()


def test_quiet_is_due_when_the_program_has_settled(make: Make, line: Line) -> None:
    count = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.05; done"
    envs = make(
        terminal(telling(line, f"while read go; do {count}; echo done > {line.path}; done"))
    )
    environment = environment_from(line)
    do(envs)
    batch = do(envs, ("Text", "\n"), due=QUIET(250, 5000))
    assert line.read() == "done"
    assert np.array_equal(batch.observations[0], x_rgb(environment))
    began_s = time.monotonic()
    busy = do(envs, ("Text", "\n"), due=QUIET(250, 100))
    assert time.monotonic() - began_s < 0.3
    assert not busy.infos["late"].any()


def test_two_desktops_do_not_mix(make: Make, line: Line) -> None:
    script = f'while IFS= read -r text; do echo "$HOME $text" > {line.path}; done'
    envs = make(terminal(telling(line, script)), num_envs=2)
    found = [environment_from(line), environment_from(line)]
    assert found[0]["DISPLAY"] != found[1]["DISPLAY"]
    envs.step([(), ()])
    envs.send([(), ()], due=QUIET(150, 4000))
    envs.recv()
    envs.send([(("Text", "first\n"),), (("Text", "second\n"),)], due=QUIET(150, 4000))
    observations = envs.recv().observations
    told = [line.read().split(" ") for _ in range(2)]
    homes = {word: home for home, word in told}
    assert set(homes) == {"first", "second"}
    assert homes["first"] != homes["second"]
    for env, word in enumerate(("first", "second")):
        own = next(e for e in found if Path(e["XAUTHORITY"]).parent == Path(homes[word]))
        assert np.array_equal(observations[env], x_rgb(own))
    assert not np.array_equal(observations[0], observations[1])


def test_a_resized_desktop_is_letterboxed(make: Make, line: Line) -> None:
    envs = make(["sh", "-c", telling(line, "exec sleep 1000")], screen=(800, 600))
    environment = environment_from(line)

    def run(*command: str) -> None:
        subprocess.run(command, env=environment, check=True)

    run("xsetroot", "-mod", "7", "5", "-bg", "#204060", "-fg", "#c0a080")
    # Xvnc draws the pointer itself until a viewer has moved it.
    batch = do(envs, ("PointerEvent", 9, 9, 0))
    assert not batch.records["flags"][0] & Flag.LETTERBOXED
    assert np.array_equal(batch.observations[0], x_rgb(environment))
    run("xrandr", "-s", "640x480")
    batch = do(envs)
    assert batch.records["flags"][0] & Flag.LETTERBOXED
    expected = np.zeros((600, 800, 3), np.uint8)
    expected[60:540, 80:720] = x_rgb(environment)
    assert np.array_equal(batch.observations[0], expected)
    run("xrandr", "-s", "1024x768")
    batch = do(envs)
    assert batch.records["flags"][0] & Flag.LETTERBOXED
    assert np.array_equal(batch.observations[0], x_rgb(environment)[84:684, 112:912])
    run("xrandr", "-s", "800x600")
    batch = do(envs)
    assert not batch.records["flags"][0] & Flag.LETTERBOXED
    assert np.array_equal(batch.observations[0], x_rgb(environment))


def test_a_desktop_that_dies_comes_back(make: Make, line: Line) -> None:
    envs = make(["sh", "-c", telling(line, "exec sleep 1000")])
    first = environment_from(line)
    assert do(envs).infos["valid"].all()
    tree = psutil.Process(envs.daemon_pid).children(recursive=True)
    (server,) = (process for process in tree if process.name() == "Xvnc")
    server.kill()
    batch = do(envs, due=QUIET(20, 100))
    while "fault" not in batch.infos:
        batch = do(envs, due=QUIET(20, 100))
    assert batch.truncated[0]
    fault = batch.infos["fault"][0]
    assert (fault["fault"], fault["exit_code"], fault["signal"]) == ("REMOTE_DIED", None, 9)
    assert "Xvnc ended with status -9" in fault["cause"]
    batch = do(envs)
    assert batch.infos["valid"].all()
    again = environment_from(line)
    assert again["XAUTHORITY"] != first["XAUTHORITY"]
    batch = do(envs, ("PointerEvent", 9, 9, 0))
    assert np.array_equal(batch.observations[0], x_rgb(again))

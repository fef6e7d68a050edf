"""The pointer in screenshots: the shape that a program gave it, where it was put."""

import functools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import envserver
from benchmarks.record_goldens import server
from envserver.agent_desktop import Desktop
from workers.pointer import PointerShape

pytestmark = pytest.mark.integration

Picture = NDArray[np.uint8]
GROUND, FRONT, BACK = (0x20, 0x40, 0x60), (0xFF, 0x80, 0x00), (0x00, 0xC0, 0xFF)
HOTSPOT = 5, 2
SHAPE = ["#......#", "..####..", "########"]
MASK = ["##....##", "########", "########"]
LOOKS = 100


def bitmap(rows: list[str]) -> str:
    """An X bitmap of 8 columns, whose lowest bit is the leftmost."""
    values = [sum((mark == "#") << x for x, mark in enumerate(row)) for row in rows]
    defines = zip(("width", "height", "x_hot", "y_hot"), (8, len(rows), *HOTSPOT), strict=True)
    lines = [f"#define it_{name} {value}" for name, value in defines]
    return "\n".join([*lines, "static char it_bits[] = {", ", ".join(map(hex, values)) + "};\n"])


def color(rgb: tuple[int, int, int]) -> str:
    return "rgb:" + bytes(rgb).hex("/")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with server(320, 240) as (port, variables):
        yield {**variables, "PORT": str(port)}


@pytest.fixture
def desk(home: Path, environment: dict[str, str]) -> Iterator[Desktop]:
    remotes = f"vnc://127.0.0.1:{environment['PORT']}"
    subprocess.run(["xsetroot", "-solid", color(GROUND)], env=environment, check=True)
    with envserver.desktop(remotes=remotes, screen=(320, 240)) as d:
        yield d


def set_cursor(environment: dict[str, str], home: Path, shape: list[str], mask: list[str]) -> None:
    """Give the root window a pointer."""
    files = [home / "shape", home / "mask"]
    for file, rows in zip(files, (shape, mask), strict=True):
        file.write_text(bitmap(rows))
    colors = ["-fg", color(FRONT), "-bg", color(BACK)]
    subprocess.run(["xsetroot", "-cursor", *files, *colors], env=environment, check=True)


def pointer(d: Desktop) -> PointerShape | None:
    return d._session.pointer(0)


def seen(d: Desktop, right: Callable[[Picture], bool]) -> Picture:
    """The screenshot with its pointer, once it is right: a shape comes without damage."""
    for _ in range(LOOKS):
        picture = d.screenshot(cursor=True)
        if right(picture):
            return picture
        d.wait_change(50)
    raise AssertionError("the pointer never was right")


def test_a_known_shape_is_drawn_at_its_hotspot(
    desk: Desktop, home: Path, environment: dict[str, str]
) -> None:
    set_cursor(environment, home, SHAPE, MASK)
    for x, y in ((100, 80), (2, 1), (318, 239)):
        desk.move(x, y)
        expected = np.full((240, 320, 3), GROUND, np.uint8)
        for row, (marks, covers) in enumerate(zip(SHAPE, MASK, strict=True)):
            for column, (mark, cover) in enumerate(zip(marks, covers, strict=True)):
                place = y - HOTSPOT[1] + row, x - HOTSPOT[0] + column
                if cover == "#" and 0 <= place[0] < 240 and 0 <= place[1] < 320:
                    expected[place] = FRONT if mark == "#" else BACK
        seen(desk, functools.partial(np.array_equal, expected))
        assert (desk.screenshot() == GROUND).all(), "only where it is asked for"
        part = desk.screenshot((x // 2, y // 2, 60, 60), cursor=True)
        assert np.array_equal(part, expected[y // 2 :, x // 2 :][:60, :60])


def test_a_pointer_that_does_not_show_is_not_drawn(
    desk: Desktop, home: Path, environment: dict[str, str]
) -> None:
    set_cursor(environment, home, ["." * 8] * 3, ["." * 8] * 3)
    desk.move(100, 80)
    seen(desk, lambda picture: bool((picture == GROUND).all()))


def test_a_terminal_has_a_pointer_of_its_own(desk: Desktop, environment: dict[str, str]) -> None:
    with ExitStack() as stack:
        command = ["xterm", "-fn", "fixed", "-geometry", "20x10+150+50", "-e", "sleep 60"]
        terminal = stack.enter_context(subprocess.Popen(command, env=environment))
        stack.callback(terminal.terminate)
        while desk.screenshot((200, 100, 1, 1)).tolist() == [[list(GROUND)]]:
            assert desk.wait_change()
        desk.move(50, 150)
        assert desk.wait_stable()
        root = pointer(desk)
        desk.move(220, 130)
        beam = seen(desk, lambda _: pointer(desk) != root)
        shape = pointer(desk)
        assert shape is not None
        assert shape.height > shape.width, "a beam between characters"
        rows, columns = (beam != desk.screenshot()).any(axis=2).nonzero()
        assert rows.min() <= 130 <= rows.max()
        assert columns.min() <= 220 <= columns.max()


def test_the_pointer_of_a_server_that_does_not_say_it_is_unknown(home: Path) -> None:
    with envserver.make_vec("gym-core.CartPole-v1", 1, provider="process") as envs:
        envs.reset()
        session: Any = envs.session
        assert session.pointer(0) is None

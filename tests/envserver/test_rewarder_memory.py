"""A task reads what a program of its own has in memory: by address, by module, by pointers."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envserver.rewarder import Desktop, DesktopError
from envserver.rewarder.memory import ProcessMemory

pytestmark = pytest.mark.integration

GAME = """
#include <stdio.h>
#include <stdlib.h>
struct player { char name[8]; int lives; double height; };
static int score = 41;
static struct player *player;
int main(void) {
    player = malloc(sizeof *player);
    *player = (struct player){"mario", 3, 1.5};
    do {
        printf("%p %p\\n", (void *)&score, (void *)&player);
        fflush(stdout);
    } while (getchar() != EOF && ++score);
}
"""


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("game")
    source, program = directory / "game.c", directory / "game"
    source.write_text(GAME)
    compiler = shutil.which("cc")
    assert compiler is not None
    subprocess.run([compiler, "-pie", "-fPIE", "-o", program, source], check=True)
    return program


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    monkeypatch.delenv("DISPLAY", raising=False)
    made = Desktop()
    yield made
    made.close()


Start = Callable[[], tuple[Any, int, int]]


@pytest.fixture
def start(desktop: Desktop, game: Path) -> Start:
    """Start the game once more: the program, where its score is, and the pointer to its player."""

    def run() -> tuple[Any, int, int]:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        program: Any = desktop.run([str(game)], **pipes)
        score, player = program.stdout.readline().split()
        return program, int(score, 16), int(player, 16)

    return run


def go_on(program: Any) -> None:
    program.stdin.write(b"\n")
    program.stdin.flush()
    program.stdout.readline()


def end(program: Any) -> None:
    program.stdin.close()
    program.stdout.close()
    program.wait()


def test_a_score_is_read_while_it_changes(desktop: Desktop, start: Start) -> None:
    program, score, _ = start()
    memory = desktop.memory(program)
    for expected in (42, 43):
        go_on(program)
        assert memory.value(score, "i") == expected
    assert memory.read(score, 4) == (43).to_bytes(4, "little")
    end(program)


def test_a_place_in_a_module_is_the_same_in_every_run(desktop: Desktop, start: Start) -> None:
    first, score, _ = start()
    place = score - desktop.memory(first).base("game")
    end(first)
    second, score, _ = start()
    go_on(second)
    memory = desktop.memory(second.pid)
    assert memory.base("game") + place == score
    assert memory.value(memory.base("game") + place, "i") == 42
    assert {"[heap]", "[stack]"} <= {region.path for region in memory.regions()}
    end(second)


def test_pointers_are_followed(desktop: Desktop, start: Start) -> None:
    program, _, player = start()
    memory = desktop.memory(program)
    assert memory.values(memory.follow(player, 0), "8sid") == (b"mario\0\0\0", 3, 1.5)
    assert memory.value(memory.follow(player, 8), "i") == 3
    with pytest.raises(DesktopError, match=f"process {program.pid} has nothing at 0x10 to 0x14"):
        memory.value(0x10, "i")
    end(program)


@pytest.mark.parametrize("address", [0, 1 << 63, (1 << 64) + 1, -1])
def test_what_is_not_mapped(desktop: Desktop, start: Start, address: int) -> None:
    program, _, _ = start()
    memory = desktop.memory(program)
    with pytest.raises(DesktopError, match=f"process {program.pid} has nothing at"):
        memory.read(address, 8)
    with pytest.raises(DesktopError, match=r"has no module 'gaem', it has .*game"):
        memory.base("gaem")
    with pytest.raises(ValueError, match="count is -1"):
        memory.read(address, -1)
    end(program)


def test_a_program_that_has_ended(desktop: Desktop, start: Start) -> None:
    program, score, _ = start()
    memory = desktop.memory(program)
    program.kill()
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie
    with pytest.raises(DesktopError, match=f"process {program.pid} has ended"):
        memory.value(score, "i")
    end(program)
    for call in (lambda: memory.value(score, "i"), lambda: memory.base("game")):
        with pytest.raises(DesktopError, match="has ended: its memory is gone"):
            call()
    with pytest.raises(DesktopError, match=f"process {program.pid} has ended"):
        ProcessMemory(program.pid)


def test_a_program_of_another_user() -> None:
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        try:
            ProcessMemory(1)
        except DesktopError as error:
            os._exit(0 if "of process 1 may not be read" in str(error) else 2)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""What the terminal's tasks accept, without a terminal: they only look at files and processes."""

import io
import random
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from envserver.rewarder import Desktop, Outcome
from envserver.tasks import terminal
from envserver.tasks.terminal import Archive, CountLines, CreateFile, KillProcess, TerminalTask

DONE = Outcome(1.0, done=True)


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    made = Desktop()
    yield made
    made.close()


def begin(kind: type[TerminalTask], desktop: Desktop, seed: int = 1) -> tuple[TerminalTask, str]:
    task = kind()
    task.desktop = desktop
    return task, task.prepare(random.Random(seed))


@pytest.mark.parametrize("kind", [CreateFile, CountLines, Archive])
def test_goals_come_from_the_seed(kind: type[TerminalTask], desktop: Desktop) -> None:
    asked = []
    for seed in (1, 2, 1):
        desktop.clear()
        goal = begin(kind, desktop, seed)[1]
        asked.append((goal, [file.read_bytes() for file in desktop.home.glob("*.log")]))
    assert asked[0] == asked[2] != asked[1]


def test_create_file(desktop: Desktop) -> None:
    task, goal = begin(CreateFile, desktop)
    name, content = goal.removeprefix("Create the file ").split(" with the content: ")
    path = desktop.home / name
    for wrong in (None, content[:-1], f"{content}\n\n", f" {content}"):
        if wrong is not None:
            path.write_text(wrong)
        assert task.tick() is None
    path.write_text(content)
    assert task.tick() == DONE
    path.write_text(f"{content}\n")
    assert task.tick() == DONE
    path.unlink()
    path.mkdir()
    assert task.tick() is None


def test_count_lines(desktop: Desktop) -> None:
    task, goal = begin(CountLines, desktop)
    word = goal.split(" contain ")[1].split()[0]
    lines = (desktop.home / "server.log").read_text().splitlines()
    count = sum(word in line for line in lines)
    assert 0 < count < len(lines)
    path = desktop.home / "count.txt"
    for wrong in (None, "", str(count + 1), f"{count} server.log"):
        if wrong is not None:
            path.write_text(wrong)
        assert task.tick() is None
    path.write_text(f"{count}\n")
    assert task.tick() == DONE


def programs(task: KillProcess) -> list[subprocess.Popen[bytes]]:
    return list(task._programs.values())


def test_kill_process(desktop: Desktop) -> None:
    task, goal = begin(KillProcess, desktop)
    assert isinstance(task, KillProcess)
    wanted = goal.split("End the program ")[1].split()[0]
    assert task.tick() is None
    names = set(task._programs)
    assert wanted in names
    # The kernel sets the name a moment after Popen returns.
    while names != {Path(f"/proc/{p.pid}/comm").read_text().strip() for p in programs(task)}:
        pass
    task._programs[wanted].kill()
    task._programs[wanted].wait()
    assert task.tick() == DONE
    other = next(name for name in names if name != wanted)
    task._programs[other].kill()
    task._programs[other].wait()
    assert task.tick() == Outcome(0.0, done=True)


def packed(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def test_archive(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    task, goal = begin(Archive, desktop)
    directory = goal.removeprefix("Pack the directory ").split()[0]
    files = {
        f"./{directory}/{path.name}": path.read_bytes()
        for path in (desktop.home / directory).iterdir()
    }
    assert len(files) >= 2
    path = desktop.home / f"{directory}.tar.gz"
    right = packed(files)
    fewer = packed(dict(list(files.items())[1:]))
    changed = packed({**files, next(iter(files)): b"something else"})
    wrong = [b"", right[:-20], b"no archive", packed(files, "w"), fewer, changed]
    for content in wrong:
        path.write_bytes(content)
        assert task.tick() is None
    path.write_bytes(right)
    assert task.tick() == DONE
    # What unpacks to too much is not unpacked.
    path.write_bytes(packed({**files, "zeros": bytes(1 << 22)}))
    assert task.tick() is None
    monkeypatch.setattr(terminal, "MAX_ARCHIVE_BYTES", len(right) + 20_480)
    path.write_bytes(right)
    assert task.tick() == DONE

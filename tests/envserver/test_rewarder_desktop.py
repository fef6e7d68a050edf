"""What a task does with a real desktop: programs, windows, pixels, keys, files."""

import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.bare_desktop import bare_desktop

from envserver.rewarder import Desktop, DesktopError
from envserver.rewarder.x11 import XDisplay

pytestmark = pytest.mark.integration

TELL = "import sys, os; print(os.getpid(), flush=True); "


@pytest.fixture
def desktop(home: Path) -> Iterator[Desktop]:
    with bare_desktop(home) as made:
        yield made


def readable(descriptor: Any, timeout_s: float = 10.0) -> bool:
    return bool(select.select([descriptor], [], [], timeout_s)[0])


def pipe(desktop: Desktop, name: str) -> int:
    os.mkfifo(desktop.scratch / name)
    return os.open(desktop.scratch / name, os.O_RDONLY | os.O_NONBLOCK)


def xterm(desktop: Desktop, title: str, line: str) -> Any:
    return desktop.run(["xterm", "-title", title, "-e", "sh", "-c", line])


def test_a_window_is_waited_for_and_typed_into(desktop: Desktop) -> None:
    assert desktop.windows() == []
    told = pipe(desktop, "told")
    xterm(desktop, "Say something", f"read line; echo \"$line\" > '{desktop.scratch}/told'; cat")
    assert desktop.wait_window("something") == "Say something"
    assert desktop.windows() == ["Say something"]
    desktop.type("Hello, World 42!\n")
    assert readable(told)
    assert os.read(told, 100) == b"Hello, World 42!\n"
    with pytest.raises(ValueError, match="has no key for '\u4e2d'"):
        desktop.type("\u4e2d")
    os.close(told)


def test_the_screen_is_seen_and_clicked(desktop: Desktop) -> None:
    before = desktop.screen()
    assert before.shape == (480, 640, 3)
    assert before.dtype == np.uint8
    argv = ["xterm", "-bg", "#0a64c8", "-fg", "#0a64c8", "-cr", "#0a64c8", "-bc", "-maximized"]
    desktop.run([*argv, "-title", "Blue", "-e", "cat"])
    desktop.wait_window("Blue")
    while (desktop.screen()[240, 320] != (10, 100, 200)).any():
        pass
    desktop.click(640 - 15, 9)  # openbox's button that closes a window
    while desktop.windows():
        pass
    desktop.reap()


def test_missing_window_says_what_there_is(desktop: Desktop) -> None:
    xterm(desktop, "Other", "cat")
    desktop.wait_window("Other")
    desktop.run(["true"]).wait()
    with pytest.raises(
        DesktopError, match=r"no window 'Mine' in front .* \['Other'\]; these ended"
    ):
        desktop.wait_window("Mine", timeout_s=0.05)
    with pytest.raises(DesktopError, match="cannot run 'no-such-program'"):
        desktop.run(["no-such-program"])


def test_clearing_kills_all_that_was_started(desktop: Desktop, ends: Callable[..., Any]) -> None:
    told = pipe(desktop, "pids")
    # One that left its parent, its session and its environment.
    script = f"setsid env -i sh -c 'echo $$ > {desktop.scratch}/pids; sleep 1000' & sleep 1000"
    first = xterm(desktop, "One", script)
    kept = desktop.run(["sleep", "1000"], keep=True)
    assert readable(told)
    ended = ends(first.pid, int(os.read(told, 100)))
    deep = desktop.home / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    deep.chmod(0)
    deep.parent.chmod(stat.S_IRUSR)
    (desktop.home / "link").symlink_to("/")
    desktop.clear()
    assert ended(0.0)
    assert kept.poll() is None
    assert list(desktop.home.iterdir()) == list(desktop.scratch.iterdir()) == []
    os.close(told)


def test_a_window_of_the_same_number_is_not_taken_for_the_one_before(desktop: Desktop) -> None:
    for _ in range(5):
        told = pipe(desktop, "told")
        xterm(desktop, "Same", f"read line; echo \"$line\" > '{desktop.scratch}/told'; cat")
        desktop.wait_window("Same")
        desktop.type("x\n")
        assert readable(told)
        assert os.read(told, 100) == b"x\n"
        os.close(told)
        desktop.clear()
        assert desktop.windows() == []


def test_programs_see_no_secrets(desktop: Desktop) -> None:
    code = "import os; print(sorted(os.environ), os.getcwd(), os.environ['HOME'])"
    program = desktop.run([sys.executable, "-c", code], stdout=-1)
    printed = program.communicate()[0].decode()
    assert "DISPLAY" in printed
    assert "REWARDER_PASSWORD" not in printed
    assert printed.count(str(desktop.home)) == 2


def test_reading_what_an_agent_left(desktop: Desktop) -> None:
    home = desktop.home
    (home / "plain").write_bytes(b"content")
    (home / "long").write_bytes(b"x" * 100)
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    (home / "zero").symlink_to("/dev/zero")
    assert desktop.read("plain") == b"content"
    assert desktop.read("long", most_bytes=100) == b"x" * 100
    assert desktop.read("long", most_bytes=99) is None
    for name in ("folder", "pipe", "zero", "missing"):
        assert desktop.read(name) is None


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DesktopError, match="DISPLAY is 'host:1', expected a local one"):
        XDisplay({"DISPLAY": "host:1"})
    with pytest.raises(DesktopError, match="no X server is there for display :60999"):
        XDisplay({"DISPLAY": ":60999"})


def test_a_server_that_refuses(desktop: Desktop, tmp_path: Path) -> None:
    with pytest.raises(DesktopError, match="refuses"):
        XDisplay({"DISPLAY": os.environ["DISPLAY"], "XAUTHORITY": str(tmp_path / "none")})

"""Any text arrives as it was typed: read back from a file in a real terminal."""

import asyncio
import contextlib
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.texts import TEXTS

import envserver
from envserver.agent_desktop import Desktop
from envserver.remotes.init import descendants_of
from envserver.remotes.x11 import Connection
from envserver.rewarder.devtools import DevTools
from envserver.runtimes import container

pytestmark = pytest.mark.integration

TIMEOUT_S = 30
ZHE = {0x1000436, 0x1000416}
"""What a key of the letter 'ж' types."""


@pytest.fixture
def desktop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """A terminal whose shell has a home of its own."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    with envserver.desktop("terminal.CreateFile-v0", screen=(800, 600)) as started:
        yield started


def read_back(desktop: Desktop, text: str) -> str:
    """What a program in the terminal got of a text."""
    desktop.type("cat > got; mv got typed\n")
    desktop.wait_stable()
    desktop.type(text)
    return ended(desktop)


def ended(desktop: Desktop) -> str:
    """End the program's text; returns all of it."""
    desktop.press("Return")
    desktop.press("ctrl+d")
    homes = set()
    for pid in descendants_of(os.getpid()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if Path(f"/proc/{pid}/comm").read_text() == "bash\n":
                homes.add(Path(os.readlink(f"/proc/{pid}/cwd")))
    (home,) = homes
    typed = home / "typed"
    deadline_s = time.monotonic() + TIMEOUT_S
    while not typed.exists():
        assert time.monotonic() < deadline_s, list(home.iterdir())
        desktop.wait_change(200)
    found = typed.read_text(encoding="utf-8")
    typed.unlink()
    return found


def test_texts_of_all_scripts_arrive(desktop: Desktop) -> None:
    for script, text in TEXTS.items():
        assert read_back(desktop, text) == f"{text}\n", script


def test_more_characters_arrive_than_a_keyboard_has_keys(desktop: Desktop) -> None:
    # One keeps its key, being pressed again and again.
    many = "".join(f"{chr(0x4E00 + 7 * place)}{'é' * (place % 4 == 0)}" for place in range(160))
    lines = "\n".join(many[at : at + 50] for at in range(0, len(many), 50))
    assert read_back(desktop, lines) == f"{lines}\n"


def test_chromium_gets_what_was_typed() -> None:
    # Chinese for which keys have to be taken back, and capitals right behind.
    many = "".join(f"{chr(0x4E00 + 7 * place)}{chr(0x41 + place % 26)}" for place in range(40))
    with envserver.desktop("miniwob.EnterText-v0", provider="process") as desktop:
        (profile,) = {
            Path(word.partition("=")[2])
            for pid in descendants_of(os.getpid())
            for word in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if word.startswith("--user-data-dir=")
        }
        page = DevTools(int((profile / "DevToolsActivePort").read_text().split()[0]))
        page.evaluate("tt.focus()")
        for text in (*TEXTS.values(), many):
            desktop.type(f"{text}|")
            deadline_s = time.monotonic() + TIMEOUT_S
            while not (got := page.evaluate("tt.value")).endswith("|"):
                assert time.monotonic() < deadline_s, got
            assert got == f"{text}|"
            page.evaluate("tt.value = ''")
        page.close()


def test_a_terminal_that_reads_late_gets_what_was_typed(desktop: Desktop) -> None:
    (terminal,) = (
        pid
        for pid in descendants_of(os.getpid())
        if Path(f"/proc/{pid}/comm").read_text() == "xterm\n"
    )
    before = "".join(chr(0x0400 + place) for place in range(96))  # both cases share a key
    desktop.type(before)
    many = "".join(chr(0x4E00 + place) for place in range(60))
    desktop.wait_stable()
    desktop.press("ctrl+u")
    desktop.type("cat > got; mv got typed\n")
    desktop.wait_stable()
    os.kill(terminal, signal.SIGSTOP)
    try:
        desktop.type(many)
    finally:
        os.kill(terminal, signal.SIGCONT)
    assert ended(desktop) == f"{many}\n"


def test_a_containers_keyboard_has_keys_to_spare(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    display_read, display_write = os.pipe()
    argv = ["Xvnc", "-displayfd", str(display_write), "-rfbport", "-1", "-nolisten", "tcp"]
    argv += ["-rfbunixpath", str(home / "vnc"), "-SecurityTypes", "None", "-noreset"]
    with subprocess.Popen(argv, pass_fds=[display_write], stderr=subprocess.DEVNULL) as server:
        os.close(display_write)
        with open(display_read) as displays:
            monkeypatch.setenv("DISPLAY", f":{displays.readline().strip()}")
        try:
            assert ZHE not in typed_by_keys()
            container._keep_keys_free()
            deadline_s = time.monotonic() + TIMEOUT_S
            while ZHE not in (typed := typed_by_keys()):
                assert time.monotonic() < deadline_s
            assert typed.count(set()) > 20
        finally:
            server.terminate()


def typed_by_keys() -> list[set[int]]:
    """The keysyms of each key of the display."""

    async def ask() -> list[set[int]]:
        reader, writer = await asyncio.open_unix_connection(container._x_socket())
        connection = Connection(reader, writer)
        await connection.set_up(b"")
        codes = connection.key_codes
        connection.send(101, 0, struct.pack("<BBxx", codes[0], len(codes)))
        reply = await connection.reply()
        writer.close()
        return [{*keysyms} - {0} for keysyms in struct.iter_unpack(f"<{reply[1]}I", reply[32:])]

    return asyncio.run(ask())

"""Any text arrives as it was typed: read back from a file in a real terminal."""

import asyncio
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import envserver
from envserver.agent_desktop import Desktop
from envserver.remotes.init import descendants_of
from envserver.remotes.x11 import Connection
from envserver.runtimes import container

pytestmark = pytest.mark.integration

TIMEOUT_S = 30
TEXTS = {
    "Latin": "Dvě žáby, François; Ærøskøbing „Straße“, ¿cómo? İstanbul, Łódź, Þórr. Việt Nam ệ",
    "Cyrillic": "Съешь же ещё этих мягких французских булок, да выпей чаю. ЩУКА Ёж Ґанок Її ђ",
    "CJK": "天地玄黃宇宙洪荒日月盈昃辰宿列張いろはにほへとカタカナ한국어텍스트。",
    "emoji": "🙂 🚀🚀 👩\u200d💻 ☕\ufe0f 🇨🇿 e\u0301 ∑ ≠ →",
}


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
    (home,) = {
        Path(os.readlink(f"/proc/{pid}/cwd"))
        for pid in descendants_of(os.getpid())
        if Path(f"/proc/{pid}/comm").read_text() == "bash\n"
    }
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
            assert free_keys() < 30
            container._keep_keys_free()
            deadline_s = time.monotonic() + TIMEOUT_S
            while free_keys() < 100:
                assert time.monotonic() < deadline_s
        finally:
            server.terminate()


def free_keys() -> int:
    """How many keys of the display type nothing."""

    async def count() -> int:
        reader, writer = await asyncio.open_unix_connection(container._x_socket())
        connection = Connection(reader, writer)
        await connection.set_up(b"")
        codes = connection.key_codes
        connection.send(101, 0, struct.pack("<BBxx", codes[0], len(codes)))
        reply = await connection.reply()
        writer.close()
        keys = struct.iter_unpack(f"<{reply[1]}I", reply[32:])
        return sum(not any(keysyms) for keysyms in keys)

    return asyncio.run(count())

"""The clipboard of real desktops: programs that copy and paste, texts of all scripts, refusals."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from gymnasium.error import ClosedEnvironmentError

import envserver
from benchmarks.record_goldens import server
from envserver.agent_desktop import Desktop
from envserver.client import open_session
from envserver.errors import RemoteError, SessionClosed
from envserver.runtimes.container import MAX_CUT_TEXT_BYTES
from envserver.spec import SessionSpec

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).resolve().parents[1] / "fakes" / "x_clipboard.py"
TEXTS = {
    "Latin": "Dvě žáby, François; Ærøskøbing „Straße“, ¿cómo? İstanbul, Łódź, Việt Nam ệ",
    "Cyrillic": "Съешь же ещё этих мягких французских булок. ЩУКА Ёж Ґанок Її ђ",
    "CJK": "天地玄黃宇宙洪荒 いろはにほへとカタカナ 한국어텍스트。𠮷",
    "emoji": "🙂 🚀🚀 👩\u200d💻 ☕\ufe0f 🇨🇿 e\u0301 ∑ ≠ →",
    "lines": "one\n\n\ttwo  \nthree\n",
    "nothing": "",
}
MOST = 1 << 20


class Programs:
    """Programs on the desktop."""

    def __init__(self, environment: dict[str, str], stack: ExitStack) -> None:
        self.environment = {**environment, "PYTHONPATH": str(PROGRAM.parents[2])}
        self._stack = stack

    def copy(self, text: str) -> subprocess.Popen[bytes]:
        """Start a program that copies; it answers whoever pastes until another copies."""
        process = subprocess.Popen(
            [sys.executable, PROGRAM, "copy"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        assert process.stdout.readline() == b"copied\n"
        return process

    def paste(self) -> str:
        return subprocess.check_output(
            [sys.executable, PROGRAM, "paste"], env=self.environment, timeout=10
        ).decode()


@pytest.fixture
def both(home: Path) -> Iterator[tuple[Desktop, Programs]]:
    """A desktop that runs already, and programs on it."""
    with ExitStack() as stack:
        options = ["-MaxCutText", str(MAX_CUT_TEXT_BYTES)]
        port, environment = stack.enter_context(server(320, 240, options=options))
        remotes = f"vnc://127.0.0.1:{port}"
        d = stack.enter_context(envserver.desktop(remotes=remotes, screen=(320, 240)))
        yield d, Programs(environment, stack)


def test_texts_of_all_scripts_go_both_ways(both: tuple[Desktop, Programs]) -> None:
    d, programs = both
    assert d.clipboard() == ""
    for script, text in TEXTS.items():
        if text:
            programs.copy(text)
            assert d.wait_clipboard() == text, script
            assert d.clipboard() == text, script
        d.set_clipboard(text)
        assert programs.paste() == text, script
    assert d.clipboard() == TEXTS["lines"], "what a program copied, not what we did"


def test_what_is_set_replaces_what_a_program_copied(both: tuple[Desktop, Programs]) -> None:
    d, programs = both
    owner = programs.copy("theirs")
    assert d.wait_clipboard() == "theirs"
    assert programs.paste() == "theirs"
    d.set_clipboard("ours\r\nand\rmore")
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"lost\n"
    assert programs.paste() == "ours\nand\nmore"
    d.set_clipboard("newer")
    assert [programs.paste() for _ in range(2)] == ["newer", "newer"]


def test_long_texts(both: tuple[Desktop, Programs]) -> None:
    d, programs = both
    text = "\n".join(f"{row} строка 行 🙂" for row in range(100_000)).encode()[:MOST]
    longest = text.decode(errors="ignore")
    d.set_clipboard(longest)
    assert programs.paste() == longest
    with pytest.raises(ValueError, match="has 1048577 bytes of UTF-8, expected at most 1048576"):
        d.set_clipboard("x" * (MOST + 1))
    assert programs.paste() == longest, "nothing was sent"
    programs.copy(longest[:50_000])
    assert d.wait_clipboard() == longest[:50_000]


def test_a_copy_is_waited_for_once(both: tuple[Desktop, Programs]) -> None:
    d, programs = both
    programs.copy("one")
    assert d.wait_clipboard() == "one"
    assert d.wait_clipboard(50) is None
    programs.copy("two")
    assert d.wait_clipboard() == "two"
    programs.copy("three")
    while d.clipboard() != "three":
        d.wait_clipboard(1000)
    d.move(5, 5)
    assert d.wait_clipboard(50) is None, "it was copied before the action"
    d.set_clipboard("ours")
    assert d.wait_clipboard(50) is None, "we are no program"


def test_a_terminal_copies_and_pastes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clicks of xterm: two copy a word, three a line, the middle button pastes."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    with envserver.desktop("terminal.CreateFile-v0", screen=(640, 480), provider="process") as d:
        d.wait_stable(quiet_ms=300, max_ms=10_000)
        d.type("PS1=; clear; yes щука | head -40\n")
        d.wait_stable(300)
        d.click(12, 200, count=2)
        assert d.wait_clipboard() == "щука"
        d.set_clipboard("cat <<END\n" + "ещё 天 🙂\n" * 40 + "END\n")
        d.click(200, 200, button="middle")
        d.wait_change()
        d.wait_stable(300)
        d.click(8, 200, count=3)
        while (copied := d.wait_clipboard()) == "ещё":  # the second click's
            pass
        assert copied in ("ещё 天 🙂", "ещё 天 🙂\n")


WRONG: dict[str, tuple[object, str]] = {
    "no text": (7, "text is 7, expected a string"),
    "zero": ("ab\0c", "the text has a zero character at 2"),
    "half": ("ab\ud83d", "which is no character"),
}


def test_what_is_wrong_is_refused(both: tuple[Desktop, Programs]) -> None:
    d, programs = both
    d.set_clipboard("before")
    for text, message in WRONG.values():
        with pytest.raises(ValueError, match=message):
            d.set_clipboard(text)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_ms is -1"):
        d.wait_clipboard(-1)
    assert programs.paste() == "before"
    d.close()
    for call in (d.clipboard, d.wait_clipboard, lambda: d.set_clipboard("")):
        with pytest.raises(ClosedEnvironmentError):
            call()
    with pytest.raises(SessionClosed):
        d._session.clipboard(0)


def test_a_server_without_the_extension_takes_latin_1_alone(home: Path) -> None:
    with envserver.make_vec("gym-core.CartPole-v1", 1, provider="process") as envs:
        envs.reset()
        session: Any = envs.session
        assert session.clipboard(0) == ("", 0)
        session.set_clipboard(0, "é")
        with pytest.raises(ValueError, match=r"has '天', but the VNC server.* latin-1 alone"):
            session.set_clipboard(0, "é天")
        envs.step([0])


def test_the_calls_are_awaited_too(both: tuple[Desktop, Programs], home: Path) -> None:
    d, programs = both
    remotes = d.envs.session.names[0]

    async def run() -> None:
        async with envserver.desktop_async(remotes=remotes, screen=(320, 240)) as other:
            assert await other.clipboard() == ""
            programs.copy("天")
            assert await other.wait_clipboard() == d.wait_clipboard() == "天"
            await other.set_clipboard("ours")
            assert programs.paste() == "ours"

    asyncio.run(run())


def test_a_session_without_a_server_has_no_clipboard(home: Path) -> None:
    spec = SessionSpec(source="synthetic", num_envs=1, width=64, height=64)
    with open_session(spec) as session:
        session.wait_ready()
        calls: list[Callable[[], object]] = [
            lambda: session.clipboard(0),
            lambda: session.set_clipboard(0, ""),
            lambda: session.pointer(0),
        ]
        for call in calls:
            with pytest.raises(RemoteError, match=r"synthetic\[0\]: it has no VNC server"):
                call()
        with pytest.raises(ValueError, match="env is 1"):
            session.clipboard(1)

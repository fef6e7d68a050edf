"""One container as the broker sees it: its log, and what it says about itself."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from envserver.remotes import container_remote
from envserver.remotes.container_remote import ContainerRemote, copy_log

DESCRIBES = b'envserver-remote describes {"env_id": "ALE/Pong-v5"}\n'


class Engine:
    """Its one container printed this."""

    def __init__(self, *chunks: bytes) -> None:
        self.api = self
        self._chunks = chunks

    def logs(self, container: str, stream: bool) -> Any:
        return iter(self._chunks)


def copied(path: Path, *chunks: bytes) -> dict[str, Any]:
    """What a container describes whose output is copied to a file."""

    async def work() -> dict[str, Any]:
        async def stop(remote: ContainerRemote) -> None:
            pass

        remote = ContainerRemote("it", path, stop)
        remote.note("$ docker run it\n")
        engine: Any = Engine(*chunks)
        await asyncio.to_thread(copy_log, asyncio.get_running_loop(), engine, remote)
        async with asyncio.timeout(5):
            return await remote.described

    return asyncio.run(work())


def test_what_is_printed_is_copied_and_read(tmp_path: Path) -> None:
    chunks = (b"hello\nenvserver-remote ", b'describes {"env_id": ', b'"ALE/Pong-v5"}\nand ', b"on")
    assert copied(tmp_path / "log", *chunks) == {"env_id": "ALE/Pong-v5"}
    assert (tmp_path / "log").read_bytes() == b"$ docker run it\n" + b"".join(chunks)


def test_a_full_disk_costs_the_copy_alone(caplog: pytest.LogCaptureFixture) -> None:
    full = Path("/dev/full")  # every write to it says that no space is left
    assert copied(full, b"hello\n", b"more\n", DESCRIBES) == {"env_id": "ALE/Pong-v5"}
    assert [(each.levelno, each.message) for each in caplog.records] == [
        (logging.WARNING, "lines are missing in /dev/full: [Errno 28] No space left on device")
    ]


def test_a_log_that_cannot_be_made_costs_the_copy_alone(tmp_path: Path) -> None:
    assert copied(tmp_path / "none" / "log", DESCRIBES) == {"env_id": "ALE/Pong-v5"}


def test_a_long_log_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_remote, "LOG_FILE_BYTES", 100)
    assert copied(tmp_path / "log", b"x" * 90, b"y" * 90, b"\n" + DESCRIBES)
    assert (tmp_path / "log").read_bytes() == b"y" * 90 + b"\n" + DESCRIBES


def test_others_may_print_what_looks_like_it(tmp_path: Path) -> None:
    junk = b"envserver-remote describes {nothing}\n"
    assert copied(tmp_path / "log", junk + DESCRIBES) == {"env_id": "ALE/Pong-v5"}
    assert (tmp_path / "log").read_bytes().endswith(junk + DESCRIBES)


@pytest.mark.parametrize(
    ("said", "tail"),
    [
        ("", ""),
        ("ready\n\nTraceback:\n  line 3\nit broke\n", " (Traceback: |   line 3 | it broke)"),
    ],
)
def test_an_end_is_said_without_what_servers_always_print(
    tmp_path: Path, said: str, tail: str
) -> None:
    greeting = (
        "_XSERVTransmkdir: ERROR: euid != 0,directory /tmp/.X11-unix will not be created.\n\n"
        "Xvnc TigerVNC 1.12.0 - built 2023-01-06 16:01\n"
        "[mi] mieq: warning: overriding existing handler (nil) with 0x5590 for event 2\n"
        'Openbox-Message: Unable to find a valid menu file "/var/lib/openbox/debian-menu.xml"\n'
    )

    async def work() -> str:
        async def stop(remote: ContainerRemote) -> None:
            pass

        remote = ContainerRemote("it", tmp_path / "log", stop)
        remote.note(f"$ docker run it\n{greeting}{said}")
        remote.has_ended("ended by signal 9", 137)
        return await remote.wait_ended()

    assert asyncio.run(work()) == f"container it ended by signal 9{tail}"

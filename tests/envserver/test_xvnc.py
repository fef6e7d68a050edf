"""Real desktops: Xvnc, a window manager, a program; and nothing of them afterwards."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from envserver.broker import control
from envserver.cli import main
from envserver.client import open_session
from envserver.errors import RemoteError, StartError
from envserver.remotes.base import Endpoint, Remote
from envserver.remotes.vnc_password import password_file
from envserver.remotes.x11 import authority_file
from envserver.remotes.xvnc import XvncRemote, XvncRemotes
from envserver.session import Session
from envserver.spec import SessionSpec

X_SOCKETS = Path("/tmp/.X11-unix")


def spec(command: str | list[str] | None = None, **fields: Any) -> SessionSpec:
    return SessionSpec(runtime="xvnc", num_envs=2, width=320, height=240, command=command, **fields)


def x_sockets() -> set[str]:
    return {path.name for path in X_SOCKETS.glob("X*")} if X_SOCKETS.exists() else set()


def with_desktops(
    home: Path, wanted: SessionSpec, use: Callable[[XvncRemotes], Awaitable[None]]
) -> None:
    async def main() -> None:
        provider = XvncRemotes(wanted, home, home)
        try:
            await use(provider)
        finally:
            await provider.close()

    before = x_sockets()
    asyncio.run(main())
    assert x_sockets() <= before
    assert not list(home.glob("desktop-?-?"))


def handshake(vnc: Endpoint, password: str) -> tuple[int, tuple[int, int]]:
    """Log in as a VNC client does; returns the security result and the desktop's size."""
    with socket.create_connection((vnc.host, vnc.port), timeout=5.0) as connection:
        stream = connection.makefile("rwb", buffering=0)
        assert stream.read(12) == b"RFB 003.008\n"
        stream.write(b"RFB 003.008\n")
        (count,) = stream.read(1)
        assert stream.read(count) == b"\2"
        stream.write(b"\2")
        key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode().ljust(8, b"\0"))
        challenge = stream.read(16)
        encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
        stream.write(encryptor.update(challenge))
        (result,) = struct.unpack(">I", stream.read(4))
        if result:
            return result, (0, 0)
        stream.write(b"\1")
        return result, struct.unpack(">HH", stream.read(4))


def test_password_file_is_vncpasswds() -> None:
    # As `vncpasswd -f` writes them.
    assert password_file("password").hex() == "dbd83cfd727a1458"
    with pytest.raises(ValueError, match="has 9 bytes"):
        password_file("123456789")


def test_authority_file() -> None:
    found = authority_file(b"0123456789abcdef")
    assert found == (b"\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x100123456789abcdef")


@pytest.mark.integration
def test_desktops_come_up_and_go(home: Path, ends: Any) -> None:
    async def use(provider: XvncRemotes) -> None:
        command = 'echo "$HOME" > told.part; mv told.part told; exec sleep 1000'
        provider = XvncRemotes(spec(command), home, home)
        one, two = await asyncio.gather(provider.start(0), provider.start(1))
        assert one.address.vnc.port != two.address.vnc.port
        for remote in (one, two):
            assert isinstance(remote, XvncRemote)
            vnc = remote.address.vnc
            # Looking whether it lives, however often, must not lock anyone out.
            for _ in range(12):
                socket.create_connection((vnc.host, vnc.port)).close()
            result, size = await asyncio.to_thread(handshake, vnc, vnc.password)
            assert (result, size) == (0, (320, 240))
            wrong, _ = await asyncio.to_thread(handshake, vnc, "wrong")
            assert wrong != 0
        pids = owned_by(one)
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
        assert any(line.startswith(b"Xvnc") for line in lines)
        assert any(line.startswith(b"openbox") for line in lines)
        assert not any(one.address.vnc.password.encode() in line for line in lines)
        assert not any("0.0.0.0" in line for line in listening(pids))
        ended = ends(*pids)
        await provider.close()
        assert ended(0.0)

    with_desktops(home, spec(), use)


@pytest.mark.integration
def test_a_program_that_ends_is_said(home: Path) -> None:
    go = home / "go"
    os.mkfifo(go)

    async def use(provider: XvncRemotes) -> None:
        remote = await provider.start(0)
        await asyncio.to_thread(go.write_text, "\n")
        cause = await asyncio.wait_for(remote.wait_ended(), 10.0)
        assert cause.endswith("ended with status 3: it broke")
        assert not remote.alive
        assert remote.exit_status == 3
        assert remote.log == home / "desktop-0-program.log"

    with_desktops(home, spec(f"read go < {go}; echo it broke; exit 3"), use)


@pytest.mark.integration
def test_a_launcher_may_end(home: Path) -> None:
    async def use(provider: XvncRemotes) -> None:
        remote = await provider.start(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(remote.wait_ended(), 0.3)
        assert remote.alive

    with_desktops(home, spec("sleep 1000 & exit 0"), use)


@pytest.mark.integration
def test_killed_inits_leave_nothing(home: Path, ends: Any) -> None:
    async def use(provider: XvncRemotes) -> None:
        remote = await provider.start(0)
        assert isinstance(remote, XvncRemote)
        pids = owned_by(remote)
        ended = ends(*pids)
        assert remote.tree is not None
        os.kill(remote.tree.pid, signal.SIGKILL)
        assert "init ended" in await asyncio.wait_for(remote.wait_ended(), 10.0)
        # The next one for this environment puts things in order first.
        await provider.start(0)
        assert ended(5.0)

    with_desktops(home, spec(["sleep", "1000"]), use)


@pytest.mark.integration
def test_missing_programs_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(provider: XvncRemotes) -> None:
        with pytest.raises(RemoteError, match="apt install tigervnc-standalone-server"):
            await provider.start(0)

    monkeypatch.setenv("PATH", str(home))
    with_desktops(home, spec(), use)


@pytest.mark.integration
def test_a_session_of_desktops(daemon: Any, ends: Any) -> None:
    before = x_sockets()
    with open_session(spec("sleep 1000", vnc_kwargs={"encoding": "raw"})) as session:
        session.wait_ready(30.0)
        found = session.attach(0)
        assert found["name"].startswith("xvnc[0] on display :")
        vnc = Endpoint(**found["vnc"])
        assert handshake(vnc, vnc.password)[0] == 0
    assert x_sockets() <= before


@pytest.mark.integration
@pytest.mark.parametrize(
    ("command", "cause"),
    [
        (["/no/such/program"], "No such file"),
        ("no-such-program", r"ended with status 127: /bin/sh: .*no-such-program: not found"),
        ("false", "ended with status 1: it printed nothing"),
        ("", "ended with status 0: it printed nothing"),
        ("/etc/passwd", "ended with status 126: /bin/sh: .*Permission denied"),
        ("echo 'open", "ended with status 2: /bin/sh: .*[Uu]nterminated quoted string"),
    ],
)
def test_a_desktop_whose_program_cannot_run(
    daemon: Any, command: str | list[str], cause: str
) -> None:
    with (
        open_session(spec(command)) as session,
        pytest.raises(StartError, match=rf"xvnc\[[01]\].*did not start: .*{cause}"),
    ):
        session.wait_ready(30.0)


@pytest.mark.integration
def test_a_program_that_ends_later_is_reported(daemon: Any, home: Path) -> None:
    go = home / "go"
    os.mkfifo(go)
    command = f"echo begun; read how < {go}; echo it broke >&2; eval $how"
    wanted = SessionSpec(runtime="xvnc", num_envs=1, width=320, height=240, command=command)
    with open_session(wanted) as session:
        session.wait_ready(30.0)
        for generation, (how, ends) in enumerate(
            [("exit 3", (3, None)), ("kill -6 $$", (None, 6))]
        ):
            wait_worker(session, generation + 1, "ready")
            go.write_text(f"{how}\n")
            wait_worker(session, generation + 2, "ready")
            report = session.fault_report(0)
            assert report["fault"] == "REMOTE_DIED"
            assert (report["exit_code"], report["signal"]) == ends
            assert report["log"][-2:] == ["begun", "it broke"]
        program, server = control.logs(0)["remote"]
        assert program["lines"].count("it broke") == 2
        assert server["path"].endswith("/desktop-0.log")
        assert server["lines"]
        assert "it broke" not in server["lines"]
        said = CliRunner().invoke(main, ["logs", "0"])
        assert program["path"] in said.stderr
        assert "it broke" in said.stdout.splitlines()


def wait_worker(session: Session, generation: int, state: str) -> None:
    """Wait until the first environment's worker has come so far."""
    revision = -1
    for _ in range(60):
        status = session.status(revision, 0.5)
        revision = status["revision"]
        worker = status["workers"][0]
        if (worker["generation"], worker["state"]) == (generation, state):
            return
    raise AssertionError(f"the worker is {worker}")


def owned_by(remote: Remote) -> list[int]:
    """The processes of a desktop, its init included."""
    from envserver.remotes.init import descendants_of

    assert isinstance(remote, XvncRemote)
    assert remote.tree is not None
    return [remote.tree.pid, *descendants_of(remote.tree.pid)]


def listening(pids: list[int]) -> list[str]:
    """The local addresses on which these processes listen, as /proc/net/tcp writes them."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]
    assert found
    return [socket.inet_ntoa(bytes.fromhex(each[:8])[::-1]) for each in found]

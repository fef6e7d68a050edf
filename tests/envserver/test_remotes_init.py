"""The init of process remotes: whatever a program does to get away, it ends with the socket."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from envserver.errors import RemoteError
from envserver.processes import OWNER_VARIABLE
from envserver.remotes.process import ProcessTree

pytestmark = pytest.mark.integration

# Leaves its session, its parent and its signals behind, twice, then tells its process id.
RUNAWAY = """
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
with open(sys.argv[1], "w") as told:
    told.write(str(os.getpid()))
signal.pause()
"""


def run_tree(home: Path, use: Callable[[ProcessTree], Awaitable[None]]) -> None:
    async def main() -> None:
        tree = ProcessTree({"PATH": os.environ["PATH"]}, home / "log")
        try:
            await use(tree)
        finally:
            await tree.stop()

    asyncio.run(main())


async def spawn_runaway(tree: ProcessTree, home: Path) -> int:
    """Start a runaway; returns its process id."""
    os.mkfifo(home / "told")
    await tree.spawn("runaway", [sys.executable, "-c", RUNAWAY, str(home / "told")], {})
    return int(await asyncio.to_thread((home / "told").read_text))


def test_a_double_forked_process_is_killed(home: Path, ends: Any) -> None:
    async def use(tree: ProcessTree) -> None:
        ended = ends(await spawn_runaway(tree, home))
        name, status, others = await tree.next_exit()
        assert (name, status) == ("runaway", 0)
        assert others >= 1  # its child between the two forks may not have been reaped yet
        await tree.stop()
        assert ended(0.0)

    run_tree(home, use)


def test_a_killed_init_is_cleaned_up_after(home: Path, ends: Any) -> None:
    (home / "file").touch()
    (home / "directory").mkdir()
    (home / "directory" / "file").touch()
    (home / "others").touch()

    async def use(tree: ProcessTree) -> None:
        tree.remove_at_end(home / "file")
        tree.remove_at_end(home / "directory")
        tree.remove_at_end(home / "others", inode=1)
        ended = ends(await spawn_runaway(tree, home))
        os.kill(tree.pid, signal.SIGKILL)
        assert (await tree.next_exit())[0] in ("init", "runaway")
        await tree.stop()
        assert ended(5.0)

    run_tree(home, use)
    assert sorted(path.name for path in home.iterdir()) == ["log", "others", "told"]


def test_a_server_that_has_not_said_its_display_leaves_no_socket(home: Path) -> None:
    display = Path(f"/tmp/.X11-unix/X{os.getpid()}")
    display.parent.mkdir(mode=0o1777, exist_ok=True)
    listen = (
        "import signal, socket, sys\n"
        "servers = [socket.socket(socket.AF_UNIX) for _ in sys.argv[2:]]\n"
        "for server, path in zip(servers, sys.argv[2:]):\n"
        "    server.bind(path)\n"
        "    server.listen()\n"
        "open(sys.argv[1], 'w').close()\n"
        "signal.pause()\n"
    )

    async def use(tree: ProcessTree) -> None:
        os.mkfifo(home / "told")
        paths = [str(home / "told"), str(display), str(home / "another")]
        await tree.spawn("server", [sys.executable, "-c", listen, *paths], {})
        await asyncio.to_thread((home / "told").read_text)
        assert display.exists()

    run_tree(home, use)
    assert not display.exists()
    assert (home / "another").exists()


def test_the_end_of_the_daemon_is_the_end(home: Path, run_script: Any, ends: Any) -> None:
    (home / "directory").mkdir()
    script = run_script(
        "import asyncio, pathlib, sys\n"
        "from envserver.remotes.process import ProcessTree\n"
        "async def main():\n"
        "    tree = ProcessTree({}, pathlib.Path('log').absolute())\n"
        f"    tree.remove_at_end({str(home / 'directory')!r})\n"
        f"    pid = await tree.spawn('sleep', ['/bin/sleep', '1000'], {{}})\n"
        "    print(tree.pid, pid)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    init, program = map(int, script.line().split())
    ended = ends(init, program)
    os.kill(script.pid, signal.SIGKILL)
    assert ended(5.0)
    assert not (home / "directory").exists()


def test_programs_get_descriptors_and_marks(home: Path) -> None:
    async def use(tree: ProcessTree) -> None:
        read, write = os.pipe()
        try:
            script = f"echo $FOO >&{{fd:5}}; echo ${OWNER_VARIABLE} >&{{fd:5}}; exit 7"
            await tree.spawn("sh", ["/bin/sh", "-c", script], {"FOO": "bar"}, {5: write})
            assert await tree.next_exit() == ("sh", 7, 0)
            told = os.read(read, 1000).decode().split()
        finally:
            os.close(read)
            os.close(write)
        assert told[0] == "bar"
        assert told[1].startswith(f"{os.getpid()}:")

    run_tree(home, use)


def test_a_program_that_does_not_exist(home: Path) -> None:
    async def use(tree: ProcessTree) -> None:
        with pytest.raises(RemoteError, match=r"nope: .*No such file"):
            await tree.spawn("nope", ["/no/such/program"], {})

    run_tree(home, use)


def test_wrong_arguments() -> None:
    from envserver.remotes import init

    found = subprocess.run(
        [sys.executable, "-I", "-S", init.__file__, "--help"], capture_output=True, text=True
    )
    assert found.returncode == 1
    assert "usage: init.py --control-fd N" in found.stderr

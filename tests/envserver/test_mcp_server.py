"""The MCP server as clients run it: a real terminal, over standard input and output."""

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from envserver.cli.mcp import mcp as mcp_command
from envserver.errors import StartError

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["-c", "from envserver.cli import main; main()", "mcp"]
LOOKING = {"screenshot", "wait", "get_clipboard"}
ACTING = {"click", "move", "drag", "scroll", "type", "key", "set_clipboard", "reset"}


def picture(content: Any) -> NDArray[np.uint8]:
    assert content.type == "image"
    assert content.mime_type == "image/png"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content.data))))


def test_a_client_works_in_a_terminal(home: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="make frameworks")

    async def run() -> None:
        server = mcp.StdioServerParameters(
            command=sys.executable,
            args=[
                *COMMAND,
                "terminal.CreateFile-v0",
                "--screen",
                "640x480",
                "--provider",
                "process",
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        async with mcp.Client(server, read_timeout_seconds=30) as client:
            listed = await client.list_tools()
            assert {tool.name for tool in listed.tools} == LOOKING | ACTING
            assert {
                tool.name for tool in listed.tools if tool.annotations.read_only_hint
            } == LOOKING
            for tool in listed.tools:
                assert tool.description
                for name, parameter in tool.input_schema["properties"].items():
                    assert parameter["description"], (tool.name, name)
            assert "640x480" in client.instructions

            async def call(name: str, **arguments: Any) -> list[Any]:
                answer = await client.call_tool(name, arguments)
                assert not answer.is_error, answer.content
                return list(answer.content)

            async def refused(name: str, **arguments: Any) -> str:
                answer = await client.call_tool(name, arguments)
                assert answer.is_error
                return str(answer.content[0].text)

            await call("wait", quiet_ms=300, max_ms=10_000)
            (shown,) = await call("screenshot")
            before = picture(shown)
            assert before.shape == (480, 640, 3)
            (said,) = await call("click", x=300, y=200)
            assert said.text == "the screen is quiet"
            await call("move", x=310, y=210)
            await call("scroll", x=300, y=200, dy=-2)
            await call("drag", x=10, y=300, to_x=100, to_y=300)
            said, shown = await call("type", text="seq 5", look=True)
            typed = picture(shown)
            assert not np.array_equal(typed, before)
            _, shown = await call("key", keys="Return", look=True)
            assert (picture(shown) != typed).any(axis=(1, 2)).sum() > 40, "five lines more"
            (said,) = await call("wait", until="change", max_ms=100)
            assert said.text == "nothing has changed"
            (said,) = await call("set_clipboard", text="天")
            assert said.text == "the clipboard is set"
            (said,) = await call("get_clipboard")
            assert not said.text.strip(), "the drag marked an empty line"
            (shown,) = await call("screenshot", region=[10, 20, 30, 40])
            assert picture(shown).shape == (40, 30, 3)
            assert "x is 640" in await refused("click", x=640, y=0)
            assert "no key is called 'Retrun'" in await refused("key", keys="Retrun")
            assert "leaves the 640x480 screen" in await refused("screenshot", region=[0, 0, 999, 1])
            assert "x" in await refused("click", y=3)
            assert "'left', 'middle' or 'right'" in await refused("click", x=1, y=1, button="side")
            assert "less than or equal to 60000" in await refused("wait", max_ms=3_600_000)
            assert "expected a number of clicks" in await refused("scroll", x=1, y=1)
            assert "hop" in await refused("hop")
            said = await refused("click", x=1, y=1, double=True)
            assert said == "click takes no 'double', expected x, y, button, count, keys, look"

    asyncio.run(run())
    assert not [each for each in psutil.Process().children() if each.status() != "zombie"]
    assert list(home.iterdir()) == []


def test_the_goal_is_in_the_instructions(home: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="make frameworks")
    from envserver.agent_desktop_async import AsyncDesktop
    from envserver.mcp_server import make_server

    async def run() -> None:
        desktop = AsyncDesktop(
            "terminal.CreateFile-v0", seed=3, screen=(640, 480), provider="process"
        )
        async with desktop, mcp.Client(make_server(desktop)) as client:
            assert desktop.goal in client.instructions
            name, content = desktop.goal.removeprefix("Create the file ").split(
                " with the content: "
            )
            answer = await client.call_tool("type", {"text": f"echo {content} >{name}\n"})
            for _ in range(5):
                if desktop.done:
                    break
                await client.call_tool("wait", {"until": "change", "max_ms": 2000})
            answer = await client.call_tool("key", {"keys": "a"})
            assert answer.is_error
            assert "ended with a reward of 1" in answer.content[0].text
            answer = await client.call_tool("reset", {"look": True})
            assert [content.type for content in answer.content] == ["text", "image"]
            answer = await client.call_tool("key", {"keys": "a"})
            assert not answer.is_error

    asyncio.run(run())


def test_clients_that_give_up_desktops_that_die_and_the_next_client(home: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="make frameworks")
    from mcp.shared.exceptions import MCPError

    from envserver.agent_desktop_async import AsyncDesktop
    from envserver.mcp_server import make_server

    async def run() -> None:
        desktop = AsyncDesktop("terminal.CreateFile-v0", screen=(320, 240), provider="process")
        async with desktop:
            server = make_server(desktop)
            async with mcp.Client(server) as client:
                await client.call_tool("wait", {"quiet_ms": 300})
                for _ in range(3):  # none of them keeps the next call waiting
                    waiting = {"until": "change", "max_ms": 60_000}
                    waiting["region"] = [300, 220, 20, 20]
                    with pytest.raises(MCPError, match=r"[Tt]imed out"):
                        await client.call_tool("wait", waiting, read_timeout_seconds=0.1)
                answer = await client.call_tool("screenshot")
                assert picture(answer.content[0]).shape == (240, 320, 3)
                for process in psutil.Process().children(recursive=True):
                    if process.name() == "Xvnc":
                        process.kill()
                corner = {"until": "change", "max_ms": 20_000, "region": [300, 220, 20, 20]}
                answer = await client.call_tool("wait", corner)
                assert answer.is_error
                assert "call reset() for a new episode" in answer.content[0].text
                answer = await client.call_tool("wait")
                assert answer.is_error
                assert "call reset() for a new episode" in answer.content[0].text
                answer = await client.call_tool("reset")
                assert not answer.is_error, answer.content
                answer = await client.call_tool("type", {"text": "a"})
                assert not answer.is_error, answer.content
            async with mcp.Client(server) as client:
                answer = await client.call_tool("click", {"x": 1, "y": 1, "look": True})
                assert [content.type for content in answer.content] == ["text", "image"]

    asyncio.run(run())


def say(server: "subprocess.Popen[bytes]", method: str, **fields: Any) -> None:
    assert server.stdin is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, **fields}).encode() + b"\n")
    server.stdin.flush()


@pytest.mark.parametrize("end", ["interrupt", "end of input"])
def test_it_ends_at_once_while_a_tool_waits(
    home: Path, ends: Callable[..., Callable[[float], bool]], end: str
) -> None:
    pytest.importorskip("mcp", reason="make frameworks")
    with subprocess.Popen(
        [sys.executable, *COMMAND, "terminal.Shell-v0", "--provider", "process"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        about = {"protocolVersion": "2025-06-18", "capabilities": {}}
        about["clientInfo"] = {"name": "test", "version": "1"}
        say(server, "initialize", id=1, params=about)
        assert json.loads(server.stdout.readline())["id"] == 1
        say(server, "notifications/initialized")
        waiting = {"until": "change", "max_ms": 60_000, "region": [900, 700, 9, 9]}
        say(server, "tools/call", id=2, params={"name": "wait", "arguments": waiting})
        say(server, "ping", id=3)
        assert json.loads(server.stdout.readline())["id"] == 3
        ended = ends(*(each.pid for each in psutil.Process(server.pid).children(recursive=True)))
        if end == "interrupt":
            server.send_signal(signal.SIGINT)
        else:
            server.stdin.close()
        status = server.wait(30)
        assert status == (-signal.SIGINT if end == "interrupt" else 0)
        assert ended(20)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["terminal.Nope-v0"], "Nope-v0"),
        (["terminal.Shell-v0", "--screen", "wide"], "expected WxH"),
        ([], "no environment is named"),
        (["terminal.Shell-v0", "--seed", "-1"], "seed"),
    ],
)
def test_what_cannot_be_served_is_one_line(home: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("mcp", reason="make frameworks")
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_remote_that_does_not_answer_is_not_awaited_for_a_minute(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mcp", reason="make frameworks")
    monkeypatch.setattr("envserver.cli.mcp.ATTACH_TIMEOUT_S", 0.5)
    monkeypatch.setattr("envserver.session.REPORT_GRACE_S", 0.5)
    before = signal.getsignal(signal.SIGINT)
    done = CliRunner().invoke(mcp_command, ["--remote", "vnc://127.0.0.1:1"])
    assert isinstance(done.exception, StartError)
    assert "127.0.0.1:1" in str(done.exception)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_missing_package_is_named(home: Path) -> None:
    """Where `mcp` is not installed, or old, the error says what to install; nothing was started."""
    code = (
        "from importlib import metadata\n"
        "def version(name, has=metadata.version):\n"
        "    if name == 'mcp': raise metadata.PackageNotFoundError(name)\n"
        "    return has(name)\n"
        "metadata.version = version\n"
        "from envserver.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "mcp", "terminal.Shell-v0", "--provider", "process"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: mcp is not installed: pip install 'envserver[mcp]'\n"
    assert not done.stdout

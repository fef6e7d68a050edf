"""The MCP server as clients run it: a real terminal, over standard input and output."""

import asyncio
import base64
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["-c", "from envserver.cli import main; main()", "mcp"]
ACTING = {"click", "move", "drag", "scroll", "type", "key"}
TOOLS = {"screenshot", *ACTING, "wait", "get_clipboard", "set_clipboard"}


def picture(content: Any) -> NDArray[np.uint8]:
    assert content.type == "image"
    assert content.mime_type == "image/png"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content.data))))


def test_a_client_works_in_a_terminal(home: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="pip install 'envserver[mcp]'")

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
            assert {tool.name for tool in listed.tools} == TOOLS
            assert all(tool.description for tool in listed.tools)
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

    asyncio.run(run())
    assert not [each for each in psutil.Process().children() if each.status() != "zombie"]
    assert list(home.iterdir()) == []


def test_the_goal_is_in_the_instructions(home: Path) -> None:
    mcp = pytest.importorskip("mcp", reason="pip install 'envserver[mcp]'")
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

    asyncio.run(run())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["terminal.Nope-v0"], "Nope-v0"),
        (["terminal.Shell-v0", "--screen", "wide"], "expected WxH"),
        ([], "no environment is named"),
    ],
)
def test_what_cannot_be_served_is_one_line(home: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("mcp", reason="pip install 'envserver[mcp]'")
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


def test_a_missing_package_is_named(home: Path) -> None:
    """Where `mcp` cannot be imported, the error says what to install; nothing was started."""
    code = "import sys; sys.modules['mcp'] = None; from envserver.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "mcp", "terminal.Shell-v0", "--provider", "process"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the MCP server needs the package mcp, 2.0 or newer: pip install 'envserver[mcp]'\n"
    )
    assert not done.stdout

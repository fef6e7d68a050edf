"""One desktop as an MCP server on standard input and output: `envserver mcp`.

Tools: screenshot, click, move, drag, scroll, type, key, wait, get_clipboard, set_clipboard. Those
that act wait until the screen is quiet, say whether it is, and bring the picture along if they are
asked to. The desktop starts before the first answer and ends with the server.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from gymnasium.error import Error as GymnasiumError

from envserver.agent_desktop_async import AsyncDesktop
from envserver.errors import EnvServerError

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

Button = Literal["left", "middle", "right"]

INSTRUCTIONS = """\
A desktop of {width}x{height} pixels; (0, 0) is the upper left corner. Tools that act wait until the
screen is quiet before they answer; with look=true the answer has the picture too. {goal}"""
INSTALL = "pip install 'envserver[mcp]'"


def serve(desktop: AsyncDesktop) -> None:
    """Start the desktop, and serve it until standard input ends.

    Raises:
        ImportError: the package `mcp` is missing or older than 2.
        ValueError, EnvServerError: the desktop did not start.
    """
    import asyncio

    check_mcp()
    asyncio.run(_serve(desktop))


async def _serve(desktop: AsyncDesktop) -> None:
    async with desktop:
        await make_server(desktop).run_stdio_async()


def check_mcp() -> None:
    """Make sure that the package `mcp` is there.

    Raises:
        ImportError: it is not, or is older than 2.
    """
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"the MCP server needs the package mcp, 2.0 or newer: {INSTALL}"
        ) from error


def make_server(desktop: AsyncDesktop) -> "MCPServer[Any]":
    """The server of a desktop that was started."""
    from mcp.server.mcpserver import Image, MCPServer

    width, height = desktop.size
    goal = f"The goal: {desktop.goal}" if desktop.goal else ""
    server: MCPServer[Any] = MCPServer(
        "envserver",
        instructions=INSTRUCTIONS.format(width=width, height=height, goal=goal).strip(),
        log_level="WARNING",
    )

    def tool(function: Callable[..., Awaitable[Any]]) -> None:
        server.add_tool(function, structured_output=False)

    async def picture(region: list[int] | None = None, cursor: bool = False) -> Image:
        return Image(data=await desktop.screenshot_png(region, cursor=cursor), format="png")

    async def settled(look: bool) -> list[Any]:
        quiet = await desktop.wait_stable()
        said = ["the screen is quiet" if quiet else "the screen still changes"]
        if desktop.done:
            said = [f"the episode has ended with a reward of {desktop.reward:g}"]
        return [*said, await picture()] if look else said

    async def screenshot(region: list[int] | None = None, cursor: bool = False) -> Image:
        """Show the screen now, or a part of it: region is [x, y, width, height] in pixels.

        With cursor=true an arrow shows where the pointer is.
        """
        async with told():
            return await picture(region, cursor)

    async def click(
        x: int,
        y: int,
        button: Button = "left",
        count: int = 1,
        keys: str | None = None,
        look: bool = False,
    ) -> list[Any]:
        """Click at (x, y); count=2 is a double click; keys, such as "ctrl", are held meanwhile."""
        async with told():
            await desktop.click(x, y, button, count, keys)
            return await settled(look)

    async def move(x: int, y: int, look: bool = False) -> list[Any]:
        """Put the pointer to (x, y)."""
        async with told():
            await desktop.move(x, y)
            return await settled(look)

    async def drag(
        x: int, y: int, to_x: int, to_y: int, button: Button = "left", look: bool = False
    ) -> list[Any]:
        """Press a button at (x, y), move to (to_x, to_y), release it."""
        async with told():
            await desktop.drag(x, y, to_x, to_y, button)
            return await settled(look)

    async def scroll(x: int, y: int, dx: int = 0, dy: int = 0, look: bool = False) -> list[Any]:
        """Turn the wheel at (x, y): dy clicks down, dx to the right; negative: up, to the left."""
        async with told():
            await desktop.scroll(x, y, dx, dy)
            return await settled(look)

    async def type(text: str, look: bool = False) -> list[Any]:
        """Type a text; a line's end is the Return key."""
        async with told():
            await desktop.type(text)
            return await settled(look)

    async def key(keys: str, count: int = 1, look: bool = False) -> list[Any]:
        """Press keys together, such as "Return", "ctrl+s" or "alt+F4"."""
        async with told():
            await desktop.press(keys, count)
            return await settled(look)

    async def wait(
        until: Literal["stable", "change"] = "stable",
        max_ms: float = 5000.0,
        quiet_ms: float = 100.0,
        region: list[int] | None = None,
    ) -> str:
        """Wait until the screen, or a region of it, was quiet for quiet_ms, or has changed."""
        async with told():
            if until == "change":
                changed = await desktop.wait_change(max_ms, region)
                return "the screen has changed" if changed else "nothing has changed"
            quiet = await desktop.wait_stable(quiet_ms, max_ms, region)
            return "the screen is quiet" if quiet else "the screen still changes"

    async def get_clipboard() -> str:
        """Read the text that a program copied last."""
        async with told():
            return await desktop.clipboard()

    async def set_clipboard(text: str) -> str:
        """Put a text into the clipboard, for a program to paste."""
        async with told():
            await desktop.set_clipboard(text)
            return "the clipboard is set"

    acting = (click, move, drag, scroll, type, key)
    for each in (screenshot, *acting, wait, get_clipboard, set_clipboard):
        tool(each)
    return server


@contextlib.asynccontextmanager
async def told() -> AsyncIterator[None]:
    """What goes wrong in here is told to the model, which may do better."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        yield
    except (ValueError, TimeoutError, EnvServerError, GymnasiumError) as error:
        raise ToolError(str(error)) from error

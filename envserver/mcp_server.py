"""One desktop as an MCP server on standard input and output: `envserver mcp`.

Tools: screenshot, click, move, drag, scroll, type, key, wait, get_clipboard, set_clipboard, reset.
Those that act wait until the screen is quiet, say whether it is, and bring the picture along if
they are asked to. The desktop starts before the first answer and ends with the server.

Importing this needs the package `mcp`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal

from gymnasium.error import Error as GymnasiumError

from envserver.adapters.needs import importing
from envserver.agent_desktop_async import AsyncDesktop
from envserver.errors import EnvServerError

with importing("mcp", "mcp", (2, 0)):
    from mcp.server.mcpserver import Image, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import CallToolResult, TextContent, ToolAnnotations
    from pydantic import Field

INSTRUCTIONS = """\
A desktop of {width}x{height} pixels; (0, 0) is the upper left corner. Tools that act wait until the
screen is quiet before they answer; with look=true the answer has the picture too. {goal}"""
MAX_WAIT_MS = 60_000
"""So long one call waits at most: a client that heard nothing may take the server for dead."""
LOOKING = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ACTING = ToolAnnotations(read_only_hint=False, open_world_hint=True)

X = Annotated[int, Field(description="Column in pixels, from 0 at the left edge.")]
Y = Annotated[int, Field(description="Row in pixels, from 0 at the upper edge.")]
Button = Annotated[Literal["left", "middle", "right"], Field(description="Of the mouse.")]
Look = Annotated[bool, Field(description="Whether the answer has a picture of the screen too.")]
Region = Annotated[
    list[int] | None,
    Field(description="[x, y, width, height] in pixels; left out: the whole screen."),
]


def serve(desktop: AsyncDesktop) -> None:
    """Start the desktop, and serve it until standard input ends.

    Raises:
        ValueError, EnvServerError: the desktop did not start.
    """
    asyncio.run(_serve(desktop))


async def _serve(desktop: AsyncDesktop) -> None:
    async with desktop:
        await make_server(desktop).run_stdio_async()


def make_server(desktop: AsyncDesktop) -> "MCPServer[Any]":
    """The server of a desktop that was started."""
    width, height = desktop.size
    goal = f"The goal: {desktop.goal}" if desktop.goal else ""
    server: MCPServer[Any] = MCPServer(
        "envserver",
        instructions=INSTRUCTIONS.format(width=width, height=height, goal=goal).strip(),
        log_level="WARNING",
        middleware=[lambda context, then: _known(server, context, then)],
    )

    def tool(function: Callable[..., Awaitable[Any]], hints: ToolAnnotations) -> None:
        server.add_tool(function, annotations=hints, structured_output=False)

    async def picture(region: list[int] | None = None, cursor: bool = False) -> Image:
        return Image(data=await desktop.screenshot_png(region, cursor=cursor), format="png")

    def unless_ended(said: str) -> str:
        ended = f"the episode has ended with a reward of {desktop.reward:g}"
        return ended if desktop.done else said

    async def quiet(
        quiet_ms: float = 100.0, max_ms: float = 5000.0, region: list[int] | None = None
    ) -> str:
        is_quiet = await desktop.wait_stable(quiet_ms, max_ms, region)
        return unless_ended("the screen is quiet" if is_quiet else "the screen still changes")

    async def settled(look: bool) -> list[Any]:
        said = await quiet()
        return [said, await picture()] if look else [said]

    async def screenshot(
        region: Region = None,
        cursor: Annotated[bool, Field(description="Draw the pointer, too.")] = False,
    ) -> Image:
        """Show the screen, or a part of it, as it is now."""
        async with told():
            return await picture(region, cursor)

    async def click(
        x: X,
        y: Y,
        button: Button = "left",
        count: Annotated[int, Field(description="2 is a double click.")] = 1,
        keys: Annotated[
            str | None, Field(description='Held meanwhile, such as "ctrl" or "ctrl+shift".')
        ] = None,
        look: Look = False,
    ) -> list[Any]:
        """Click at a place."""
        async with told():
            await desktop.click(x, y, button, count, keys)
            return await settled(look)

    async def move(x: X, y: Y, look: Look = False) -> list[Any]:
        """Put the pointer to a place, without a click."""
        async with told():
            await desktop.move(x, y)
            return await settled(look)

    async def drag(
        x: X, y: Y, to_x: X, to_y: Y, button: Button = "left", look: Look = False
    ) -> list[Any]:
        """Press a button at (x, y), move to (to_x, to_y), release it."""
        async with told():
            await desktop.drag(x, y, to_x, to_y, button)
            return await settled(look)

    async def scroll(
        x: X,
        y: Y,
        dx: Annotated[int, Field(description="Clicks to the right; negative: left.")] = 0,
        dy: Annotated[int, Field(description="Clicks down; negative: up.")] = 0,
        look: Look = False,
    ) -> list[Any]:
        """Turn the mouse's wheel at a place."""
        async with told():
            await desktop.scroll(x, y, dx, dy)
            return await settled(look)

    async def type(
        text: Annotated[str, Field(description="Any characters; a line's end is Return.")],
        look: Look = False,
    ) -> list[Any]:
        """Type a text where the keyboard's focus is."""
        async with told():
            await desktop.type(text)
            return await settled(look)

    async def key(
        keys: Annotated[
            str, Field(description='Names of X11, such as "Return", "ctrl+s", "alt+F4", "Page_Up".')
        ],
        count: Annotated[int, Field(description="How many times.")] = 1,
        look: Look = False,
    ) -> list[Any]:
        """Press a key, or several together."""
        async with told():
            await desktop.press(keys, count)
            return await settled(look)

    async def wait(
        until: Annotated[
            Literal["stable", "change"],
            Field(description="It was quiet for quiet_ms, or looks other than it did last."),
        ] = "stable",
        max_ms: Annotated[float, Field(le=MAX_WAIT_MS, description="The longest wait.")] = 5000.0,
        quiet_ms: Annotated[float, Field(description="For how long it is quiet.")] = 100.0,
        region: Region = None,
    ) -> str:
        """Wait until the screen, or a region of it, is quiet or has changed."""
        async with told():
            if until == "change":
                changed = await desktop.wait_change(max_ms, region)
                return unless_ended("the screen has changed" if changed else "nothing has changed")
            return await quiet(quiet_ms, max_ms, region)

    async def get_clipboard() -> str:
        """Read the text that a program copied last."""
        async with told():
            return await desktop.clipboard()

    async def set_clipboard(
        text: Annotated[str, Field(description="at most 1 MiB of UTF-8")],
    ) -> str:
        """Put a text into the clipboard, for a program to paste."""
        async with told():
            await desktop.set_clipboard(text)
            return "the clipboard is set"

    async def reset(look: Look = False) -> list[Any]:
        """Begin anew: after the episode has ended, or where the desktop has failed."""
        async with told():
            await desktop.reset()
            said = f"the goal: {desktop.goal}" if desktop.goal else "a new episode has begun"
            return [said, await picture()] if look else [said]

    for looks in (screenshot, wait, get_clipboard):
        tool(looks, LOOKING)
    for acts in (click, move, drag, scroll, type, key, set_clipboard, reset):
        tool(acts, ACTING)
    return server


async def _known(
    server: "MCPServer[Any]", context: Any, then: Callable[[Any], Awaitable[Any]]
) -> Any:
    """Refuse arguments that a tool does not have, which the package would drop."""
    params = context.params or {}
    if context.method == "tools/call":
        for tool in await server.list_tools():
            parameters = tool.input_schema["properties"]
            unknown = [name for name in params.get("arguments") or {} if name not in parameters]
            if tool.name == params.get("name") and unknown:
                said = f"{tool.name} takes no {unknown[0]!r}, expected {', '.join(parameters)}"
                return CallToolResult(content=[TextContent(type="text", text=said)], is_error=True)
    return await then(context)


@contextlib.asynccontextmanager
async def told() -> AsyncIterator[None]:
    """What goes wrong in here is told to the model, which may do better."""
    try:
        yield
    except (ValueError, TimeoutError, EnvServerError, GymnasiumError) as error:
        raise ToolError(str(error)) from error

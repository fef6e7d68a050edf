"""`envserver mcp`."""

import contextlib
import re
import signal
from collections.abc import Iterator
from typing import Any

import click

ATTACH_TIMEOUT_S = 10.0
"""A desktop that runs answers at once, and clients wait for no minute until a server does."""


@click.command()
@click.argument("env", required=False)
@click.option("--screen", metavar="WxH", help="Size of the screen, such as 1024x768.")
@click.option("--remote", metavar="ADDRESS", help="A desktop that runs: vnc://host:5900.")
@click.option("--command", help="The program that runs on the desktop (xvnc.Desktop-v0).")
@click.option("--provider", type=click.Choice(["docker", "process"]), help="Container or process.")
@click.option("--seed", type=int, help="Of the task.")
def mcp(
    env: str | None,
    screen: str | None,
    remote: str | None,
    command: str | None,
    provider: str | None,
    seed: int | None,
) -> None:
    """Serve one desktop to agents by MCP, on standard input and output.

    ENV is a name such as terminal.Shell-v0 (`envserver runtimes` lists them), or left out with
    --remote.
    """
    from envserver.agent_desktop_async import AsyncDesktop

    try:
        from envserver.mcp_server import serve
    except ImportError as error:
        raise click.ClickException(str(error)) from error

    options: dict[str, Any] = {"command": command, "provider": provider, "remotes": remote}
    options = {name: value for name, value in options.items() if value is not None}
    if remote is not None:
        options["start_timeout_s"] = ATTACH_TIMEOUT_S
    if screen is not None:
        if not (found := re.fullmatch(r"(\d+)x(\d+)", screen)):
            raise click.BadParameter(
                f"{screen!r}, expected WxH such as 1024x768", param_hint="--screen"
            )
        options["screen"] = (int(found[1]), int(found[2]))
    with _ended_by_interrupts():
        serve(AsyncDesktop(env, seed=seed, **options))


@contextlib.contextmanager
def _ended_by_interrupts() -> Iterator[None]:
    """Ctrl-C ends the process at once, whatever its threads wait for; the daemon cleans up."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # not the main thread, which alone has handlers
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
